# Checks by boto3, the SDK of AWS for Python: HTTP/1.1 and JSON. Each function is one check; the endpoint comes from
# AWS_ENDPOINT_URL. Run by boto3.e2e.test.ts.
import datetime
import os
import uuid

import boto3
import botocore.config
import botocore.exceptions

ONCE = botocore.config.Config(retries={"total_max_attempts": 1})
FIRST = "shardId-000000000000"


def kinesis():
    return boto3.client("kinesis", endpoint_url=os.environ["AWS_ENDPOINT_URL"], config=ONCE)


def made(client, shards=1, **more):
    name = "boto-" + uuid.uuid4().hex
    client.create_stream(StreamName=name, ShardCount=shards, **more)
    client.get_waiter("stream_exists").wait(StreamName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 60})
    return name


def refusal(call, **arguments):
    try:
        call(**arguments)
    except botocore.exceptions.ClientError as error:
        return error.response["Error"]["Code"]
    raise AssertionError("the call was not refused")


def texts(client, name, shard=FIRST):
    iterator = client.get_shard_iterator(StreamName=name, ShardId=shard, ShardIteratorType="TRIM_HORIZON")
    position, found = iterator["ShardIterator"], []
    while position:
        answer = client.get_records(ShardIterator=position)
        found += [record["Data"] for record in answer["Records"]]
        if not answer["Records"] and answer["MillisBehindLatest"] == 0:
            break
        position = answer.get("NextShardIterator")
    return found


def check_round_trip():
    """records of any bytes come back as they were put, with times that boto3 understands"""
    client = kinesis()
    name = made(client)
    data = [bytes(range(256)), b"", "é日本".encode()]
    for each in data:
        answer = client.put_record(StreamName=name, PartitionKey="ключ", Data=each)
        assert answer["ShardId"] == FIRST and len(answer["SequenceNumber"]) == 56, answer
    iterator = client.get_shard_iterator(StreamName=name, ShardId=FIRST, ShardIteratorType="TRIM_HORIZON")
    records = client.get_records(ShardIterator=iterator["ShardIterator"])["Records"]
    assert [record["Data"] for record in records] == data, records
    assert {record["PartitionKey"] for record in records} == {"ключ"}
    arrived = records[0]["ApproximateArrivalTimestamp"]
    assert abs(datetime.datetime.now(datetime.timezone.utc) - arrived) < datetime.timedelta(hours=1), arrived


def check_describe():
    """descriptions have every member that the model requires"""
    client = kinesis()
    name = made(client, 2)
    stream = client.describe_stream(StreamName=name)["StreamDescription"]
    required = ["StreamName", "StreamARN", "StreamStatus", "Shards", "HasMoreShards", "RetentionPeriodHours"]
    required += ["StreamCreationTimestamp", "EnhancedMonitoring"]
    assert not [member for member in required if member not in stream], stream
    assert isinstance(stream["StreamCreationTimestamp"], datetime.datetime)
    summary = client.describe_stream_summary(StreamARN=stream["StreamARN"])["StreamDescriptionSummary"]
    assert summary["OpenShardCount"] == 2 and summary["ConsumerCount"] == 0, summary


def check_paginators():
    """each paginator goes through all pages, and meets each thing once"""
    client = kinesis()
    name = made(client, 7)
    arn = client.describe_stream_summary(StreamName=name)["StreamDescriptionSummary"]["StreamARN"]
    for number in range(3):
        client.register_stream_consumer(StreamARN=arn, ConsumerName=f"reader-{number}")
    others = [made(client) for _ in range(2)]
    pages = lambda operation, size, **more: client.get_paginator(operation).paginate(
        PaginationConfig={"PageSize": size}, **more
    )
    shards = [s["ShardId"] for p in pages("list_shards", 7, StreamName=name) for s in p["Shards"]]
    assert len(shards) == 7 and len(set(shards)) == 7, shards
    # It sends the name with the token of the second page, which AWS refuses.
    assert refusal(lambda: list(pages("list_shards", 3, StreamName=name))) == "InvalidArgumentException"
    described = [
        s["ShardId"] for p in pages("describe_stream", 2, StreamName=name) for s in p["StreamDescription"]["Shards"]
    ]
    assert described == shards, described
    consumers = [c["ConsumerName"] for p in pages("list_stream_consumers", 2, StreamARN=arn) for c in p["Consumers"]]
    assert sorted(consumers) == ["reader-0", "reader-1", "reader-2"], consumers
    streams = [n for p in pages("list_streams", 1) for n in p["StreamNames"]]
    assert {name, *others} <= set(streams) and len(streams) == len(set(streams)), streams


def check_waiters():
    """the waiters see a stream come and go"""
    client = kinesis()
    name = made(client)
    client.delete_stream(StreamName=name)
    client.get_waiter("stream_not_exists").wait(StreamName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 60})


def check_event_stream():
    """a subscription brings events over HTTP/1.1, the first after initial-response"""
    client = kinesis()
    name = made(client)
    arn = client.describe_stream_summary(StreamName=name)["StreamDescriptionSummary"]["StreamARN"]
    consumer = client.register_stream_consumer(StreamARN=arn, ConsumerName="reader")["Consumer"]
    client.put_records(StreamName=name, Records=[{"PartitionKey": "a", "Data": b"%d" % n} for n in range(3)])
    answer = client.subscribe_to_shard(
        ConsumerARN=consumer["ConsumerARN"], ShardId=FIRST, StartingPosition={"Type": "TRIM_HORIZON"}
    )
    found = []
    for event in answer["EventStream"]:
        event = event["SubscribeToShardEvent"]
        found += [record["Data"] for record in event["Records"]]
        assert event["ContinuationSequenceNumber"] and event["MillisBehindLatest"] >= 0, event
        if len(found) == 3:
            break
    answer["EventStream"].close()
    assert found == [b"0", b"1", b"2"], found


def check_end_of_shard():
    """a subscription and an iterator end with the children of a shard that was split"""
    client = kinesis()
    name = made(client)
    arn = client.describe_stream_summary(StreamName=name)["StreamDescriptionSummary"]["StreamARN"]
    consumer = client.register_stream_consumer(StreamARN=arn, ConsumerName="reader")["Consumer"]
    client.put_record(StreamName=name, PartitionKey="a", Data=b"last")
    client.split_shard(StreamName=name, ShardToSplit=FIRST, NewStartingHashKey=str(2**127))
    client.get_waiter("stream_exists").wait(StreamName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 60})
    answer = client.subscribe_to_shard(
        ConsumerARN=consumer["ConsumerARN"], ShardId=FIRST, StartingPosition={"Type": "TRIM_HORIZON"}
    )
    events = [event["SubscribeToShardEvent"] for event in answer["EventStream"]]
    children = events[-1]["ChildShards"]
    assert [child["ShardId"] for child in children] == ["shardId-000000000001", "shardId-000000000002"], children
    assert all(child["ParentShards"] == [FIRST] for child in children), children
    assert "ContinuationSequenceNumber" not in events[-1], events[-1]
    assert [r["Data"] for e in events for r in e["Records"]] == [b"last"], events
    assert texts(client, name) == [b"last"]


def check_errors():
    """errors are the ones that boto3 has classes for"""
    client = kinesis()
    name = made(client)
    missing = {"StreamName": "missing"}
    assert refusal(client.describe_stream, **missing) == "ResourceNotFoundException"
    assert refusal(client.delete_stream, **missing) == "ResourceNotFoundException"
    assert refusal(client.create_stream, StreamName=name, ShardCount=1) == "ResourceInUseException"
    assert refusal(client.get_records, ShardIterator="garbage") == "InvalidArgumentException"
    assert refusal(client.put_record, StreamName="a b", Data=b"", PartitionKey="a") == "ValidationException"
    try:
        client.describe_stream(StreamName="missing")
    except client.exceptions.ResourceNotFoundException as error:
        assert error.response["Error"]["Message"] == "Stream missing under account 000000000000 not found."
        assert error.response["ResponseMetadata"]["RequestId"]


def check_large_record():
    """a record of 1 MiB passes, one byte more is refused"""
    client = kinesis()
    name = made(client)
    largest = os.urandom(1024 * 1024 - 1)
    client.put_record(StreamName=name, PartitionKey="a", Data=largest)
    refused = refusal(client.put_record, StreamName=name, PartitionKey="aa", Data=largest)
    assert refused == "InvalidArgumentException", refused
    assert texts(client, name) == [largest]


def check_tags():
    """tags are put, listed and removed"""
    client = kinesis()
    name = made(client, Tags={"team": "web"})
    client.add_tags_to_stream(StreamName=name, Tags={"cost": "1"})
    listed = client.list_tags_for_stream(StreamName=name)
    assert listed["Tags"] == [{"Key": "cost", "Value": "1"}, {"Key": "team", "Value": "web"}], listed
    client.remove_tags_from_stream(StreamName=name, TagKeys=["cost"])
    assert [tag["Key"] for tag in client.list_tags_for_stream(StreamName=name)["Tags"]] == ["team"]


def check_arn():
    """an ARN goes wherever a name goes"""
    client = kinesis()
    name = made(client)
    arn = client.describe_stream_summary(StreamName=name)["StreamDescriptionSummary"]["StreamARN"]
    assert arn == f"arn:aws:kinesis:us-east-1:000000000000:stream/{name}", arn
    client.put_record(StreamARN=arn, PartitionKey="a", Data=b"x")
    iterator = client.get_shard_iterator(StreamARN=arn, ShardId=FIRST, ShardIteratorType="TRIM_HORIZON")
    answer = client.get_records(ShardIterator=iterator["ShardIterator"], StreamARN=arn)
    assert [record["Data"] for record in answer["Records"]] == [b"x"]
    assert len(client.list_shards(StreamARN=arn)["Shards"]) == 1
