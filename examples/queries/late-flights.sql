-- Flights that left an airport on each day, and the share of them that arrived a quarter of an hour late or more.
-- `date` is when one left, as 2001/01/31 06:05: it becomes the time by which windows go. `delay` is at its arrival, in minutes.
INSERT INTO late_flights
WITH departures AS (
  SELECT strptime(date, '%Y/%m/%d %H:%M') AS departs, origin, delay
  FROM flights
)
SELECT
  window_start AS day,
  origin,
  count(*) AS flights,
  count(*) FILTER (WHERE delay >= 15) / count(*) AS late_share
FROM TUMBLE(TABLE departures, DESCRIPTOR(departs), INTERVAL '1' DAY)
GROUP BY window_start, window_end, origin
HAVING count(*) >= 5
