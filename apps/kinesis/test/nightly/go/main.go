// The Go SDK against an endpoint: it creates a stream, puts, polls, subscribes through a split, and checks what it gets.
// Over http it speaks HTTP/1.1; over https, HTTP/2 by ALPN. Prints OK, or why not.
package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"os"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
)

const shards = 2
const count = 1000

func main() {
	if err := run(context.Background(), os.Args[1], os.Getenv("CA_FILE")); err != nil {
		fmt.Println("FAILED", err)
		os.Exit(1)
	}
	fmt.Println("OK")
}

func clientOf(endpoint, caFile string) (*kinesis.Client, error) {
	roots := x509.NewCertPool()
	if caFile != "" {
		pem, err := os.ReadFile(caFile)
		if err != nil {
			return nil, err
		}
		roots.AppendCertsFromPEM(pem)
	}
	transport := awshttp.NewBuildableClient().WithTransportOptions(func(t *http.Transport) {
		t.TLSClientConfig = &tls.Config{RootCAs: roots}
		t.ForceAttemptHTTP2 = true
	})
	return kinesis.New(kinesis.Options{
		Region:       "us-east-1",
		BaseEndpoint: aws.String(endpoint),
		Credentials:  credentials.NewStaticCredentialsProvider("any", "any", ""),
		HTTPClient:   transport,
	}), nil
}

func run(ctx context.Context, endpoint, caFile string) error {
	client, err := clientOf(endpoint, caFile)
	if err != nil {
		return err
	}
	name := fmt.Sprintf("go-%d", time.Now().UnixNano())
	if _, err = client.CreateStream(ctx, &kinesis.CreateStreamInput{StreamName: &name, ShardCount: aws.Int32(shards)}); err != nil {
		return err
	}
	exists := kinesis.NewStreamExistsWaiter(client, func(o *kinesis.StreamExistsWaiterOptions) { o.MinDelay = time.Second; o.MaxDelay = time.Second })
	if err = exists.Wait(ctx, &kinesis.DescribeStreamInput{StreamName: &name}, time.Minute); err != nil {
		return err
	}
	if err = putAll(ctx, client, name); err != nil {
		return err
	}
	if err = pollAll(ctx, client, name); err != nil {
		return err
	}
	if err = subscribeThroughSplit(ctx, client, name); err != nil {
		return err
	}
	_, err = client.DescribeStreamSummary(ctx, &kinesis.DescribeStreamSummaryInput{StreamName: aws.String("missing")})
	var notFound *types.ResourceNotFoundException
	if !errors.As(err, &notFound) {
		return fmt.Errorf("a missing stream gave %v", err)
	}
	return nil
}

func putAll(ctx context.Context, client *kinesis.Client, name string) error {
	for from := 0; from < count; from += 500 {
		var entries []types.PutRecordsRequestEntry
		for number := from; number < from+500; number++ {
			entries = append(entries, types.PutRecordsRequestEntry{
				PartitionKey: aws.String(fmt.Sprintf("key-%d", number%50)), Data: []byte(fmt.Sprint(number))})
		}
		answer, err := client.PutRecords(ctx, &kinesis.PutRecordsInput{StreamName: &name, Records: entries})
		if err != nil {
			return err
		}
		if *answer.FailedRecordCount != 0 {
			return fmt.Errorf("%d records failed", *answer.FailedRecordCount)
		}
	}
	return nil
}

func pollAll(ctx context.Context, client *kinesis.Client, name string) error {
	listed, err := client.ListShards(ctx, &kinesis.ListShardsInput{StreamName: &name})
	if err != nil {
		return err
	}
	seen := 0
	for _, shard := range listed.Shards {
		first, err := client.GetShardIterator(ctx, &kinesis.GetShardIteratorInput{
			StreamName: &name, ShardId: shard.ShardId, ShardIteratorType: types.ShardIteratorTypeTrimHorizon})
		if err != nil {
			return err
		}
		for iterator := first.ShardIterator; iterator != nil; {
			answer, err := client.GetRecords(ctx, &kinesis.GetRecordsInput{ShardIterator: iterator, Limit: aws.Int32(100)})
			if err != nil {
				return err
			}
			seen += len(answer.Records)
			if len(answer.Records) == 0 && *answer.MillisBehindLatest == 0 {
				break
			}
			iterator = answer.NextShardIterator
		}
	}
	if seen != count {
		return fmt.Errorf("polled %d records of %d", seen, count)
	}
	return nil
}

// subscribeThroughSplit reads a shard that is split meanwhile, and its children, by subscriptions.
func subscribeThroughSplit(ctx context.Context, client *kinesis.Client, name string) error {
	summary, err := client.DescribeStreamSummary(ctx, &kinesis.DescribeStreamSummaryInput{StreamName: &name})
	if err != nil {
		return err
	}
	arn := summary.StreamDescriptionSummary.StreamARN
	consumer, err := client.RegisterStreamConsumer(ctx, &kinesis.RegisterStreamConsumerInput{StreamARN: arn, ConsumerName: aws.String("go")})
	if err != nil {
		return err
	}
	first := "shardId-000000000000"
	quarter := "85070591730234615865843651857942052864"
	if _, err = client.SplitShard(ctx, &kinesis.SplitShardInput{StreamName: &name, ShardToSplit: &first, NewStartingHashKey: &quarter}); err != nil {
		return err
	}
	if err = putAll(ctx, client, name); err != nil {
		return err
	}
	parent, children, err := drain(ctx, client, *consumer.Consumer.ConsumerARN, first, -1)
	if err != nil {
		return err
	}
	if len(children) != 2 {
		return fmt.Errorf("the end of the shard names %d children", len(children))
	}
	other, _, err := drain(ctx, client, *consumer.Consumer.ConsumerARN, "shardId-000000000001", 1)
	if err != nil {
		return err
	}
	seen := parent + other
	for _, child := range children {
		records, _, err := drain(ctx, client, *consumer.Consumer.ConsumerARN, *child.ShardId, 1)
		if err != nil {
			return err
		}
		seen += records
	}
	if seen != 2*count {
		return fmt.Errorf("subscriptions brought %d records of %d", seen, 2*count)
	}
	return nil
}

// drain counts the records of a shard until its end, or until nothing is behind and there were at least enough.
func drain(ctx context.Context, client *kinesis.Client, consumer, shard string, enough int) (int, []types.ChildShard, error) {
	answer, err := client.SubscribeToShard(ctx, &kinesis.SubscribeToShardInput{
		ConsumerARN: &consumer, ShardId: &shard, StartingPosition: &types.StartingPosition{Type: types.ShardIteratorTypeTrimHorizon}})
	if err != nil {
		return 0, nil, err
	}
	stream := answer.GetStream()
	defer stream.Close()
	seen := 0
	var children []types.ChildShard
	for event := range stream.Events() {
		member, ok := event.(*types.SubscribeToShardEventStreamMemberSubscribeToShardEvent)
		if !ok {
			return seen, nil, fmt.Errorf("an event of type %T", event)
		}
		seen += len(member.Value.Records)
		children = member.Value.ChildShards
		if enough >= 0 && seen >= enough && *member.Value.MillisBehindLatest == 0 {
			break
		}
	}
	return seen, children, stream.Err()
}
