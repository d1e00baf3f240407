// One worker of a KCL application: it prints what it is given, a line for each event, and checkpoints. It runs until it is
// killed, or until its input ends; then it shuts down as applications do.
package nightly;

import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.TimeUnit;
import software.amazon.awssdk.auth.credentials.AwsBasicCredentials;
import software.amazon.awssdk.auth.credentials.StaticCredentialsProvider;
import software.amazon.awssdk.regions.Region;
import software.amazon.awssdk.services.cloudwatch.CloudWatchAsyncClient;
import software.amazon.awssdk.services.dynamodb.DynamoDbAsyncClient;
import software.amazon.awssdk.services.kinesis.KinesisAsyncClient;
import software.amazon.kinesis.common.ConfigsBuilder;
import software.amazon.kinesis.common.InitialPositionInStream;
import software.amazon.kinesis.common.InitialPositionInStreamExtended;
import software.amazon.kinesis.common.KinesisClientUtil;
import software.amazon.kinesis.coordinator.Scheduler;
import software.amazon.kinesis.lifecycle.events.InitializationInput;
import software.amazon.kinesis.lifecycle.events.LeaseLostInput;
import software.amazon.kinesis.lifecycle.events.ProcessRecordsInput;
import software.amazon.kinesis.lifecycle.events.ShardEndedInput;
import software.amazon.kinesis.lifecycle.events.ShutdownRequestedInput;
import software.amazon.kinesis.processor.ShardRecordProcessor;
import software.amazon.kinesis.processor.SingleStreamTracker;
import software.amazon.kinesis.retrieval.KinesisClientRecord;
import software.amazon.kinesis.retrieval.polling.PollingConfig;

public final class Worker {
  private static synchronized void say(String... words) {
    System.out.println(String.join("\t", words));
    System.out.flush();
  }

  private static final class Printer implements ShardRecordProcessor {
    private String shard;

    @Override
    public void initialize(InitializationInput input) {
      shard = input.shardId();
      say("BEGIN", shard);
    }

    @Override
    public void processRecords(ProcessRecordsInput input) {
      for (KinesisClientRecord record : input.records()) {
        String text = StandardCharsets.UTF_8.decode(record.data()).toString();
        say("RECORD", shard, record.sequenceNumber(), String.valueOf(record.subSequenceNumber()), record.partitionKey(), text);
      }
      checkpoint(() -> input.checkpointer().checkpoint());
    }

    @Override
    public void leaseLost(LeaseLostInput input) {
      say("LOST", shard);
    }

    @Override
    public void shardEnded(ShardEndedInput input) {
      say("END", shard);
      checkpoint(() -> input.checkpointer().checkpoint());
    }

    @Override
    public void shutdownRequested(ShutdownRequestedInput input) {
      checkpoint(() -> input.checkpointer().checkpoint());
    }

    private interface Step {
      void run() throws Exception;
    }

    private void checkpoint(Step step) {
      try {
        step.run();
      } catch (Exception error) {
        say("UNCHECKED", shard, String.valueOf(error));
      }
    }
  }

  public static void main(String[] arguments) throws Exception {
    URI endpoint = URI.create(System.getProperty("endpoint"));
    URI leases = URI.create(System.getProperty("leases"));
    URI metrics = URI.create(System.getProperty("metrics"));
    String stream = System.getProperty("stream");
    String application = System.getProperty("application");
    var credentials = StaticCredentialsProvider.create(
        AwsBasicCredentials.create(System.getProperty("accessKeyId", "any"), System.getProperty("secret", "any")));
    KinesisAsyncClient kinesis = KinesisClientUtil.createKinesisAsyncClient(
        KinesisAsyncClient.builder().region(Region.US_EAST_1).endpointOverride(endpoint).credentialsProvider(credentials));
    DynamoDbAsyncClient dynamo = DynamoDbAsyncClient.builder()
        .region(Region.US_EAST_1).endpointOverride(leases).credentialsProvider(credentials).build();
    CloudWatchAsyncClient cloudWatch = CloudWatchAsyncClient.builder()
        .region(Region.US_EAST_1).endpointOverride(metrics).credentialsProvider(credentials).build();

    var tracker = new SingleStreamTracker(
        stream, InitialPositionInStreamExtended.newInitialPosition(InitialPositionInStream.TRIM_HORIZON));
    ConfigsBuilder configs = new ConfigsBuilder(
        tracker, application, kinesis, dynamo, cloudWatch, System.getProperty("worker"), Printer::new);
    var retrieval = configs.retrievalConfig();
    if (System.getProperty("retrieval").equals("polling")) {
      retrieval.retrievalSpecificConfig(new PollingConfig(stream, kinesis));
    }
    var coordinator = configs.coordinatorConfig().parentShardPollIntervalMillis(1000);
    var lease = configs.leaseManagementConfig().failoverTimeMillis(5000).shardSyncIntervalMillis(5000);
    Scheduler scheduler = new Scheduler(
        configs.checkpointConfig(), coordinator, lease, configs.lifecycleConfig(), configs.metricsConfig(),
        configs.processorConfig(), retrieval);
    Thread thread = new Thread(scheduler, "scheduler");
    thread.setDaemon(true);
    thread.start();
    say("STARTED");
    while (System.in.read() >= 0) {}
    scheduler.startGracefulShutdown().get(60, TimeUnit.SECONDS);
    say("STOPPED");
    System.exit(0);
  }
}
