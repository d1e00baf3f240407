# Puts a record and reads it back, with boto3: only the endpoint is another one.
import boto3

kinesis = boto3.client("kinesis", endpoint_url="http://127.0.0.1:4567")
name = "clicks-python"

kinesis.create_stream(StreamName=name, ShardCount=1)
kinesis.get_waiter("stream_exists").wait(StreamName=name)
put = kinesis.put_record(StreamName=name, PartitionKey="ada", Data=b"/cart")
iterator = kinesis.get_shard_iterator(
    StreamName=name,
    ShardId=put["ShardId"],
    ShardIteratorType="AT_SEQUENCE_NUMBER",
    StartingSequenceNumber=put["SequenceNumber"],
)["ShardIterator"]
for record in kinesis.get_records(ShardIterator=iterator)["Records"]:
    print(record["PartitionKey"], record["Data"].decode())
