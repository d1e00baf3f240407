// Carries questions of Flink SQL out, each in a mini cluster of its own in this process: a line of JSON in is a question, a line of JSON out its
// answer. It ends when its input ends.
package flink;

import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.math.BigDecimal;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.time.LocalDateTime;
import java.time.ZoneOffset;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.core.execution.JobClient;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.JsonNode;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.ObjectMapper;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.node.ArrayNode;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.node.ObjectNode;
import org.apache.flink.table.api.EnvironmentSettings;
import org.apache.flink.table.api.TableEnvironment;
import org.apache.flink.table.api.TableResult;
import org.apache.flink.types.Row;
import org.apache.flink.types.RowKind;
import org.apache.flink.util.CloseableIterator;

public final class Questions {
  private static final ObjectMapper JSON = new ObjectMapper();

  /** A question has `options` of Flink by their names, statements of `setup`, and `sql`: a SELECT, or an INSERT that gives no rows when it is done. */
  public static void main(String[] words) throws Exception {
    PrintStream answers = System.out;
    // What libraries print is no answer.
    System.setOut(System.err);
    BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    for (String line = in.readLine(); line != null; line = in.readLine()) {
      answers.println(JSON.writeValueAsString(answerTo(JSON.readTree(line))));
      answers.flush();
    }
    System.exit(0);
  }

  private static ObjectNode answerTo(JsonNode question) {
    ObjectNode answer = JSON.createObjectNode();
    long startedAt = System.nanoTime();
    try {
      answerTo(question, answer);
      answer.put("seconds", (System.nanoTime() - startedAt) / 1e9);
    } catch (Exception error) {
      answer.put("error", reasonOf(error));
    }
    return answer;
  }

  private static void answerTo(JsonNode question, ObjectNode answer) throws Exception {
    Map<String, String> options = new LinkedHashMap<>();
    question.get("options").properties().forEach(one -> options.put(one.getKey(), one.getValue().asText()));
    Configuration configuration = Configuration.fromMap(options);
    TableEnvironment tables =
        TableEnvironment.create(EnvironmentSettings.newInstance().withConfiguration(configuration).build());
    for (JsonNode statement : question.get("setup")) tables.executeSql(statement.asText());
    TableResult result = tables.executeSql(question.get("sql").asText());
    if (question.get("sql").asText().startsWith("INSERT ")) {
      JobClient job = result.getJobClient().orElseThrow();
      answer.put("jobSeconds", job.getJobExecutionResult().get().getNetRuntime(TimeUnit.MILLISECONDS) / 1e3);
      answer.set("rows", JSON.createArrayNode());
    } else answer.set("rows", rowsOf(result));
  }

  /** The rows that remain, as those of a changelog may be taken back. */
  private static ArrayNode rowsOf(TableResult result) throws Exception {
    List<String> names = result.getResolvedSchema().getColumnNames();
    Map<ObjectNode, Integer> counts = new LinkedHashMap<>();
    try (CloseableIterator<Row> rows = result.collect()) {
      while (rows.hasNext()) {
        Row row = rows.next();
        boolean isTaken = row.getKind() == RowKind.DELETE || row.getKind() == RowKind.UPDATE_BEFORE;
        counts.merge(jsonOf(row, names), isTaken ? -1 : 1, Integer::sum);
      }
    }
    ArrayNode remaining = JSON.createArrayNode();
    counts.forEach((row, count) -> {
      for (int copy = 0; copy < count; copy++) remaining.add(row);
    });
    return remaining;
  }

  private static ObjectNode jsonOf(Row row, List<String> names) {
    ObjectNode json = JSON.createObjectNode();
    for (int at = 0; at < names.size(); at++) json.set(names.get(at), valueOf(row.getField(at)));
    return json;
  }

  /** Times are in ISO 8601 and in UTC, without zeros behind; decimal numbers are texts with all of their places. */
  private static JsonNode valueOf(Object value) {
    if (value instanceof LocalDateTime moment) return JSON.valueToTree(textOf(moment));
    if (value instanceof Instant moment) return JSON.valueToTree(textOf(LocalDateTime.ofInstant(moment, ZoneOffset.UTC)));
    if (value instanceof BigDecimal number) return JSON.valueToTree(number.toPlainString());
    return JSON.valueToTree(value);
  }

  private static String textOf(LocalDateTime moment) {
    return moment.toInstant(ZoneOffset.UTC).toString().replaceFirst("(\\.\\d*?)0+Z$", "$1Z");
  }

  /** The deepest cause says what is wrong. */
  private static String reasonOf(Throwable error) {
    Throwable cause = error;
    while (cause.getCause() != null) cause = cause.getCause();
    return cause.toString();
  }
}
