import type { Server } from 'node:http';
import type { PrismaClient } from '../generated/prisma/client.ts';
import type { Settings } from './config.ts';
import type { Events } from './events/open.ts';
import type { Handler } from './http/app.ts';
import type { MdmContext } from './mdm/context.ts';
import type { PrometheusMetrics } from './observe/metrics.ts';

export interface GraphSide {
  readonly routes: ReadonlyMap<string, Handler>;
  attach(server: Server): void;
  stop(): Promise<void>;
}

export function graphSide(_parts: {
  readonly ctx: MdmContext;
  readonly prisma: PrismaClient;
  readonly events: Events;
  readonly settings: Settings;
  readonly metrics: PrometheusMetrics;
}): GraphSide {
  return { routes: new Map(), attach() {}, async stop() {} };
}
