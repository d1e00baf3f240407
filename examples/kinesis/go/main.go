// Puts a record and reads it back, with AWS' SDK for Go: only the endpoint is another one.
package main

import (
	"context"
	"fmt"
	"log"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
)

func main() {
	ctx := context.Background()
	cfg, err := config.LoadDefaultConfig(ctx)
	check(err)
	client := kinesis.NewFromConfig(cfg, func(o *kinesis.Options) {
		o.BaseEndpoint = aws.String("http://127.0.0.1:4567")
	})
	name := aws.String("clicks-go")

	_, err = client.CreateStream(ctx, &kinesis.CreateStreamInput{StreamName: name, ShardCount: aws.Int32(1)})
	check(err)
	exists := kinesis.NewStreamExistsWaiter(client)
	check(exists.Wait(ctx, &kinesis.DescribeStreamInput{StreamName: name}, 30*time.Second))
	put, err := client.PutRecord(ctx, &kinesis.PutRecordInput{
		StreamName: name, PartitionKey: aws.String("ada"), Data: []byte("/cart"),
	})
	check(err)
	iterator, err := client.GetShardIterator(ctx, &kinesis.GetShardIteratorInput{
		StreamName:             name,
		ShardId:                put.ShardId,
		ShardIteratorType:      types.ShardIteratorTypeAtSequenceNumber,
		StartingSequenceNumber: put.SequenceNumber,
	})
	check(err)
	got, err := client.GetRecords(ctx, &kinesis.GetRecordsInput{ShardIterator: iterator.ShardIterator})
	check(err)
	for _, record := range got.Records {
		fmt.Println(*record.PartitionKey, string(record.Data))
	}
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
