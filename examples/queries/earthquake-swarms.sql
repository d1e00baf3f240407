-- Swarms: at least five earthquakes of one region, none of them more than 20 minutes after the one before.
-- A place reads `4km W of Castaic, CA`: its region is what follows the last comma. Times are milliseconds since 1970.
INSERT INTO earthquake_swarms
WITH located AS (
  SELECT make_timestamp(time * 1000) AS struck_at, regexp_replace(place, '.*, ', '') AS region, mag
  FROM earthquakes
  WHERE type = 'earthquake'
)
SELECT
  region,
  min(struck_at) AS began,
  max(struck_at) AS ended,
  count(*) AS earthquakes,
  max(mag) AS strongest
FROM SESSION(TABLE located PARTITION BY region, DESCRIPTOR(struck_at), INTERVAL '20' MINUTE)
GROUP BY window_start, window_end, region
HAVING count(*) >= 5
