import { readFileSync, writeFileSync } from 'node:fs';
import { listedFilters } from '../server/store/read/listed.ts';

// Writes docs/lists.md from the table of listed filters; with --check it only says whether that is needed.
// Run from the package's root.

const file = 'docs/lists.md';

const markdown = `# Lists of devices: what costs a page

\`enrollments\` answers a page at a time. For each filter below, alone and in one of its orders, a page costs the
same with a thousand devices and with a million: it is one stretch of an index. Plans are tested. A token for all
tenants gets such a stretch of each tenant, merged.

| filter | \`orderBy\`, both directions | index |
|---|---|---|
${listedFilters.map(({ filter, orders, index }) => `| ${filter} | ${orders.map((one) => `\`${one}\``).join(', ')} | \`${index}\` |`).join('\n')}

Not in the table, and so looked for device by device: \`kinds\`, \`pushStates\`, \`pendingCommands\`, and every pair of
a filter and an order that is not named.

\`search\` finds beginnings, not what stands inside a text, whether or not the database has pg_trgm. It walks the order when much fits and the indexes when little does; in between it looks at
a few thousand devices.

All else composes freely, with these or with one another, and takes as long as it takes to find a page: what is rare
among many is looked for long. A query that the database needs more than 15 seconds for ends with the code
\`QUERY_TOO_EXPENSIVE\`, in a mutation with a \`QueryTooExpensiveError\`; nothing was changed then.

What is not known of a device sorts before all else. Devices that are equal in an order come as they were first heard
of. A cursor belongs to its order. \`totalCount\` is exact to 10,000; beyond it \`totalCountIsEstimate\` is true.
\`LAST_SEEN\`, \`lastSeenBefore\` and \`lastSeenAfter\` go by the hour; \`lastSeenAt\` tells the time.
`.replace("`each order's own`", "each order's own");

if (process.argv.includes('--check')) {
  if (readOrEmpty() !== markdown) {
    process.stderr.write(
      `${file} is not what the table of lists makes; run scripts/docs-lists.ts.\n`,
    );
    process.exitCode = 1;
  }
} else {
  writeFileSync(file, markdown);
}

function readOrEmpty(): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
