// Puts a record and reads it back, with AWS' SDK for Java 2: only the endpoint is another one.
import java.net.URI;
import software.amazon.awssdk.core.SdkBytes;
import software.amazon.awssdk.services.kinesis.KinesisAsyncClient;
import software.amazon.awssdk.services.kinesis.model.ShardIteratorType;

public class Sdk {
  public static void main(String[] args) {
    String name = "clicks-java";
    try (KinesisAsyncClient kinesis =
        KinesisAsyncClient.builder().endpointOverride(URI.create("http://127.0.0.1:4567")).build()) {
      kinesis.createStream(r -> r.streamName(name).shardCount(1)).join();
      kinesis.waiter().waitUntilStreamExists(r -> r.streamName(name)).join();
      var put =
          kinesis
              .putRecord(r -> r.streamName(name).partitionKey("ada").data(SdkBytes.fromUtf8String("/cart")))
              .join();
      var iterator =
          kinesis
              .getShardIterator(
                  r ->
                      r.streamName(name)
                          .shardId(put.shardId())
                          .shardIteratorType(ShardIteratorType.AT_SEQUENCE_NUMBER)
                          .startingSequenceNumber(put.sequenceNumber()))
              .join();
      kinesis
          .getRecords(r -> r.shardIterator(iterator.shardIterator()))
          .join()
          .records()
          .forEach(record -> System.out.println(record.partitionKey() + " " + record.data().asUtf8String()));
    }
  }
}
