-- How far each projection has read the stream of events, by lanes, and which process reads each of
-- them. A holder is a live one as long as its row in "lease" (`projector <holder>`) is.
CREATE TABLE "projection_lane" (
  "projection" TEXT COLLATE "C" NOT NULL,
  "lane" SMALLINT NOT NULL,
  "position" BIGINT NOT NULL,
  "holder" TEXT,
  CONSTRAINT "projection_lane_pkey" PRIMARY KEY ("projection", "lane")
) WITH (fillfactor = 50);

-- Events that a projection was unable to take, however often it tried. They are passed over.
CREATE TABLE "projection_failure" (
  "projection" TEXT COLLATE "C" NOT NULL,
  "event_id" BIGINT NOT NULL,
  "event_seq" BIGINT NOT NULL,
  "event_type" TEXT NOT NULL,
  "tenant_id" INTEGER NOT NULL,
  "enrollment_key" BIGINT,
  "command_key" BIGINT,
  "reason" TEXT NOT NULL,
  "at" TIMESTAMPTZ(6) NOT NULL DEFAULT now(),
  CONSTRAINT "projection_failure_pkey" PRIMARY KEY ("projection", "event_id")
);
