// A KPL application: it puts numbered records of several keys, aggregated, and prints where each of them went.
package nightly;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Future;
import software.amazon.awssdk.auth.credentials.AwsBasicCredentials;
import software.amazon.awssdk.auth.credentials.StaticCredentialsProvider;
import software.amazon.kinesis.producer.KinesisProducer;
import software.amazon.kinesis.producer.KinesisProducerConfiguration;
import software.amazon.kinesis.producer.UserRecordResult;

public final class Producer {
  public static void main(String[] arguments) throws Exception {
    String stream = System.getProperty("stream");
    int count = Integer.parseInt(System.getProperty("count"));
    int keys = Integer.parseInt(System.getProperty("keys"));
    KinesisProducerConfiguration configuration = new KinesisProducerConfiguration()
        .setKinesisEndpoint("localhost")
        .setKinesisPort(Integer.parseInt(System.getProperty("port")))
        .setVerifyCertificate(false)
        .setRegion("us-east-1")
        .setCredentialsProvider(StaticCredentialsProvider.create(
            AwsBasicCredentials.create(System.getProperty("accessKeyId", "any"), System.getProperty("secret", "any"))))
        .setMetricsLevel("none")
        .setAggregationEnabled(true)
        .setRecordTtl(300_000);
    KinesisProducer producer = new KinesisProducer(configuration);
    List<Future<UserRecordResult>> results = new ArrayList<>();
    for (int number = 0; number < count; number += 1) {
      String key = "key-" + number % keys;
      ByteBuffer data = ByteBuffer.wrap((key + ":" + number).getBytes(StandardCharsets.UTF_8));
      results.add(producer.addUserRecord(stream, key, data));
      while (producer.getOutstandingRecordsCount() > 5000) Thread.sleep(1);
    }
    producer.flushSync();
    int attempts = 0;
    for (int number = 0; number < count; number += 1) {
      UserRecordResult result = results.get(number).get();
      attempts += result.getAttempts().size();
      System.out.println(String.join("\t", "PUT", String.valueOf(number), result.getShardId(), result.getSequenceNumber()));
    }
    System.out.println("ATTEMPTS\t" + attempts);
    producer.destroy();
    System.exit(0);
  }
}
