import { PrismaPg } from '@prisma/adapter-pg';
import type { Pool } from 'pg';
import { PrismaClient } from '../generated/prisma/client.ts';
import { lookUpNames } from './prisma-statements.ts';

/**
 * Prisma over the pool that the graph's other reads use. Raw bytes are left out unless a field asks
 * for them: a list must not load every result's body.
 */
export function openPrisma(pool: Pool): PrismaClient {
  return new PrismaClient({
    adapter: new PrismaPg(pool, { statementNameGenerator: lookUpNames() }),
    omit: {
      command: { body: true },
      commandResult: { result: true },
      checkIn: { raw: true },
      strayReport: { result: true },
      enrollment: { pushMagic: true, unlockToken: true, bootstrapToken: true },
      deviceCertificate: { der: true },
      deviceAuthority: { key: true, raKey: true },
      enrollmentInvitation: { challengeSha256: true },
      apiToken: { sha256: true },
      issuedCertificate: { certificate: true },
      pushCertificate: { key: true },
      pushCertificateRequest: { key: true, encryptionKey: true },
    },
  });
}
