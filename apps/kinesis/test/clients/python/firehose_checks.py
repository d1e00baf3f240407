# Checks of the Firehose API by boto3. Each function is one check; the endpoint comes from AWS_ENDPOINT_URL. Run by
# firehose.e2e.test.ts.
import os
import uuid

import boto3
import botocore.config
import botocore.exceptions

ONCE = botocore.config.Config(retries={"total_max_attempts": 1})
LAKE = {"RoleARN": "arn:aws:iam::123456789012:role/firehose", "BucketARN": "arn:aws:s3:::lake"}
DESTINATION = "destinationId-000000000001"


def firehose():
    return boto3.client("firehose", endpoint_url=os.environ["AWS_ENDPOINT_URL"], config=ONCE)


def made(client, **more):
    name = "boto-" + uuid.uuid4().hex
    client.create_delivery_stream(DeliveryStreamName=name, ExtendedS3DestinationConfiguration=LAKE, **more)
    return name


def described(client, name):
    return client.describe_delivery_stream(DeliveryStreamName=name)["DeliveryStreamDescription"]


def refusal(call, **arguments):
    try:
        call(**arguments)
    except botocore.exceptions.ClientError as error:
        return error.response["Error"]["Code"]
    raise AssertionError("the call was not refused")


def check_life():
    """a delivery is made, described, listed, changed and deleted"""
    client = firehose()
    name = made(client)
    description = described(client, name)
    assert description["DeliveryStreamARN"].endswith(":deliverystream/" + name), description
    assert description["DeliveryStreamStatus"] == "CREATING", description
    extended = description["Destinations"][0]["ExtendedS3DestinationDescription"]
    assert extended["BufferingHints"] == {"SizeInMBs": 5, "IntervalInSeconds": 300}, extended
    listed = client.list_delivery_streams(ExclusiveStartDeliveryStreamName=name[:-1], Limit=1)
    assert listed["DeliveryStreamNames"] == [name], listed
    client.update_destination(
        DeliveryStreamName=name,
        CurrentDeliveryStreamVersionId=description["VersionId"],
        DestinationId=DESTINATION,
        ExtendedS3DestinationUpdate={"CompressionFormat": "GZIP"},
    )
    after = described(client, name)
    assert after["VersionId"] == "2", after
    assert after["Destinations"][0]["ExtendedS3DestinationDescription"]["CompressionFormat"] == "GZIP", after
    client.delete_delivery_stream(DeliveryStreamName=name)
    assert refusal(client.describe_delivery_stream, DeliveryStreamName=name) == "ResourceNotFoundException"


def check_puts():
    """records of any bytes are taken, one and many at a time"""
    client = firehose()
    name = made(client)
    assert client.put_record(DeliveryStreamName=name, Record={"Data": bytes(range(256))})["RecordId"]
    records = [{"Data": "é日本".encode()}, {"Data": b""}]
    answer = client.put_record_batch(DeliveryStreamName=name, Records=records)
    assert answer["FailedPutCount"] == 0 and len(answer["RequestResponses"]) == 2, answer
    assert refusal(client.put_record, DeliveryStreamName="nothing", Record={"Data": b"x"}) == "ResourceNotFoundException"


def check_tags():
    """tags are added, listed and removed"""
    client = firehose()
    name = made(client, Tags=[{"Key": "team", "Value": "data"}])
    client.tag_delivery_stream(DeliveryStreamName=name, Tags=[{"Key": "stage", "Value": "test"}])
    client.untag_delivery_stream(DeliveryStreamName=name, TagKeys=["team"])
    assert client.list_tags_for_delivery_stream(DeliveryStreamName=name)["Tags"] == [{"Key": "stage", "Value": "test"}]


def check_encryption():
    """encryption is turned on and off"""
    client = firehose()
    name = made(client)
    client.start_delivery_stream_encryption(DeliveryStreamName=name)
    assert described(client, name)["DeliveryStreamEncryptionConfiguration"]["Status"] == "ENABLED"
    client.stop_delivery_stream_encryption(DeliveryStreamName=name)
    assert described(client, name)["DeliveryStreamEncryptionConfiguration"]["Status"] == "DISABLED"


def check_refusals():
    """refusals have the names of the service"""
    client = firehose()
    name = made(client)
    assert refusal(made, client=client, DeliveryStreamType="KinesisStreamAsSource") == "InvalidArgumentException"
    create = client.create_delivery_stream
    again = {"DeliveryStreamName": name, "ExtendedS3DestinationConfiguration": LAKE}
    assert refusal(create, **again) == "ResourceInUseException"
    update = {"DeliveryStreamName": name, "DestinationId": DESTINATION, "ExtendedS3DestinationUpdate": {}}
    assert refusal(client.update_destination, CurrentDeliveryStreamVersionId="7", **update) == "ConcurrentModificationException"
    hints = {"SizeInMBs": 129, "IntervalInSeconds": 0}
    lake = {**LAKE, "BufferingHints": hints}
    assert refusal(create, DeliveryStreamName="x", ExtendedS3DestinationConfiguration=lake) == "ValidationException"
