# Checks of the Lambda API by boto3. Each function is one check; the endpoint comes from AWS_ENDPOINT_URL, and the name of a function that
# answers with what it was called with from FUNCTION_NAME. Run by lambda.e2e.test.ts.
import datetime
import json
import os
import time
import uuid

import boto3
import botocore.config
import botocore.exceptions

ONCE = botocore.config.Config(retries={"total_max_attempts": 1})
FUNCTION = os.environ["FUNCTION_NAME"]
PATIENCE_SECONDS = 60
ACCOUNT = "000000000000"
PATTERN = json.dumps({"data": {"kind": ["click"]}})


def client_of(service):
    return boto3.client(service, endpoint_url=os.environ["AWS_ENDPOINT_URL"], config=ONCE)


def stream():
    """The ARN of a new stream."""
    kinesis = client_of("kinesis")
    name = "boto-" + uuid.uuid4().hex
    kinesis.create_stream(StreamName=name, ShardCount=1)
    kinesis.get_waiter("stream_exists").wait(StreamName=name)
    return f"arn:aws:kinesis:us-east-1:{ACCOUNT}:stream/{name}"


def made(client, **more):
    given = {"FunctionName": FUNCTION, "StartingPosition": "TRIM_HORIZON", **more}
    return client.create_event_source_mapping(EventSourceArn=stream(), **given)


def awaited(ask, holds):
    """The first answer of which this holds."""
    until = time.monotonic() + PATIENCE_SECONDS
    while not holds(answer := ask()):
        assert time.monotonic() < until, answer
        time.sleep(0.1)
    return answer


def has(**members):
    return lambda answer: all(answer.get(name) == value for name, value in members.items())


def refused(call, **arguments):
    """Name and status of the refusal; None where there is none."""
    try:
        call(**arguments)
    except botocore.exceptions.ClientError as error:
        return error.response["Error"]["Code"], error.response["ResponseMetadata"]["HTTPStatusCode"]
    return None


def check_mapping():
    """a mapping is made, carried out, changed, stopped and deleted"""
    client = client_of("lambda")
    mapping = made(client, BatchSize=7, FilterCriteria={"Filters": [{"Pattern": PATTERN}]})
    own = {"UUID": mapping["UUID"]}
    assert mapping["State"] in ("Creating", "Enabled"), mapping
    assert mapping["FunctionArn"] == f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:{FUNCTION}", mapping
    assert isinstance(mapping["LastModified"], datetime.datetime), mapping
    assert mapping["FilterCriteria"] == {"Filters": [{"Pattern": PATTERN}]}, mapping

    def described():
        return client.get_event_source_mapping(**own)

    found = awaited(described, has(State="Enabled", LastProcessingResult="No records processed"))
    assert (found["BatchSize"], found["StateTransitionReason"]) == (7, "User action"), found
    changed = client.update_event_source_mapping(**own, BatchSize=9, FilterCriteria={}, MaximumRetryAttempts=0)
    assert (changed["BatchSize"], changed["MaximumRetryAttempts"]) == (9, 0), changed
    assert changed["State"] in ("Updating", "Enabled"), changed
    assert "FilterCriteria" not in awaited(described, has(State="Enabled")), changed
    name = mapping["EventSourceArn"].split("/")[1]
    client_of("kinesis").put_record(StreamName=name, PartitionKey="ada", Data=b"anything")
    awaited(described, has(LastProcessingResult="OK"))
    client.update_event_source_mapping(**own, Enabled=False)
    awaited(described, has(State="Disabled"))
    assert client.delete_event_source_mapping(**own)["State"] == "Deleting"
    gone = ("ResourceNotFoundException", 404)
    awaited(lambda: refused(client.get_event_source_mapping, **own), lambda answer: answer == gone)


def check_start():
    """a mapping begins at a time, which is answered as it was given"""
    client = client_of("lambda")
    moment = datetime.datetime(2023, 11, 14, 22, 13, 20, tzinfo=datetime.timezone.utc)
    mapping = made(client, StartingPosition="AT_TIMESTAMP", StartingPositionTimestamp=moment)
    assert mapping["StartingPosition"] == "AT_TIMESTAMP", mapping
    assert mapping["StartingPositionTimestamp"] == moment, mapping


def check_pages():
    """mappings are listed, a page at a time, of a function and of a stream"""
    client = client_of("lambda")
    mappings = [made(client) for _ in range(3)]
    wanted = {mapping["UUID"] for mapping in mappings}
    paginator = client.get_paginator("list_event_source_mappings")
    pages = list(paginator.paginate(FunctionName=FUNCTION, PaginationConfig={"PageSize": 2}))
    assert all(len(page["EventSourceMappings"]) <= 2 for page in pages), pages
    listed = [each["UUID"] for page in pages for each in page["EventSourceMappings"]]
    assert len(listed) == len(set(listed)), listed
    assert wanted <= set(listed), listed
    of_stream = client.list_event_source_mappings(EventSourceArn=mappings[0]["EventSourceArn"])
    assert [each["UUID"] for each in of_stream["EventSourceMappings"]] == [mappings[0]["UUID"]], of_stream


def check_refusals():
    """what cannot be is refused by its name"""
    client = client_of("lambda")
    mapping = made(client)
    again = {"FunctionName": FUNCTION, "StartingPosition": "LATEST"}
    create = client.create_event_source_mapping
    conflict = refused(create, EventSourceArn=mapping["EventSourceArn"], **again)
    assert conflict == ("ResourceConflictException", 409), conflict
    missing = f"arn:aws:kinesis:us-east-1:{ACCOUNT}:stream/no-such-stream"
    assert refused(create, EventSourceArn=missing, **again) == ("InvalidParameterValueException", 400)
    unknown = {"UUID": str(uuid.uuid4()), "BatchSize": 1}
    assert refused(client.update_event_source_mapping, **unknown) == ("ResourceNotFoundException", 404)


def check_invoke():
    """a function is called, and its answer comes back"""
    client = client_of("lambda")
    answer = client.invoke(FunctionName=FUNCTION, Payload=json.dumps({"who": "Ada"}))
    assert answer["StatusCode"] == 200, answer
    assert "FunctionError" not in answer, answer
    assert json.load(answer["Payload"]) == {"who": "Ada"}, answer
    event = client.invoke(FunctionName=FUNCTION, InvocationType="Event", Payload=b"{}")
    assert event["StatusCode"] == 202, event
    assert refused(client.invoke, FunctionName="nothing") == ("ResourceNotFoundException", 404)


def check_function_error():
    """an error of a function is its answer, and no error of the call"""
    client = client_of("lambda")
    answer = client.invoke(FunctionName=FUNCTION, Payload=json.dumps({"fail": "on purpose"}))
    assert answer["StatusCode"] == 200, answer
    assert answer["FunctionError"] == "Unhandled", answer
    assert json.load(answer["Payload"])["errorMessage"] == "on purpose", answer
