-- The three airports from which most flights left on each day: first counted, then ranked within the window.
-- Of equal counts the airport whose code comes first has the better place.
INSERT INTO busiest_airports
WITH departures AS (
  SELECT strptime(date, '%Y/%m/%d %H:%M') AS departs, origin
  FROM flights
),
counted AS (
  SELECT window_start, window_end, origin, count(*) AS flights
  FROM TUMBLE(TABLE departures, DESCRIPTOR(departs), INTERVAL '1' DAY)
  GROUP BY window_start, window_end, origin
)
SELECT
  window_start AS day,
  ROW_NUMBER() OVER (PARTITION BY window_start, window_end ORDER BY flights DESC, origin) AS place,
  origin,
  flights
FROM counted
QUALIFY place <= 3
