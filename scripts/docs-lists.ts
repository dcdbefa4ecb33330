import { readFileSync, writeFileSync } from 'node:fs';
import { listedFilters } from '../server/store/read/listed.ts';

// Writes docs/lists.md from the table of listed filters; with --check it only says whether that is needed.
// Run from the package's root.

const file = 'docs/lists.md';

const markdown = `# Lists: what costs a page

## Devices

\`enrollments\` answers a page at a time. For each filter below, alone and in one of its orders, a page costs the
same with a thousand devices and with a million: it is one stretch of an index. Plans are tested. A token for all
tenants gets such a stretch of each tenant, merged.

| filter | \`orderBy\`, both directions | index |
|---|---|---|
${listedFilters.map(({ filter, orders, index }) => `| ${filter} | ${orders.map((one) => `\`${one}\``).join(', ')} | \`${index}\` |`).join('\n')}

Not in the table, and so looked for device by device: \`kinds\`, \`pushStates\`, \`pendingCommands\`, and every pair of
a filter and an order that is not named.

## Search

\`search\` finds devices whose id, serial number or name begins so. Where the database has the extension pg_trgm
it finds what stands inside them too, if it has three characters or more: in lists, in counts and in the targets of
mutations alike. The case of ASCII letters does not matter, but for ids and serial numbers that begin so: those are
found as written or in capitals. Every other character, \`%\` and \`_\` too, stands for itself.

To have it, put the extension into the database (it comes with PostgreSQL's contrib package, and with the embedded
database), servers running or not:

\`\`\`sh
npm run db -- search-inside
\`\`\`

\`--in\` names another database than the server's, as everywhere with \`npm run db\`. Or say
\`create extension pg_trgm\` yourself: a running server sees it within a minute, and makes the index that it needs
beside its work. As soon as that index is whole all servers search by it; without it, or the extension, they find
beginnings again. A dry run that was made before may have found less, and its \`expectedCount\` then says so. Copies
and backups of a database know nothing of it: do the same where they end up.

A page of a search is no stretch of an index, but it is bounded, in every order. The first 4,000 devices of the
order, from the page's cursor on, are walked through (for a token for all tenants, mostly 1,000 of each); where they
hold no page, what fits is looked up by the texts' indexes and put in order. So it costs at most those, and what it
finds. Slow are only texts that much has and that all stand far behind in the order, and those without three letters
or digits in a row, such as \`a-b\`, which no index finds inside others.

## All else

All else composes freely, with these or with one another, and takes as long as it takes to find a page: what is rare
among many is looked for long. A query that the database needs more than 15 seconds for ends with the code
\`QUERY_TOO_EXPENSIVE\`, in a mutation with a \`QueryTooExpensiveError\`; nothing was changed then.

What is not known of a device sorts before all else. Devices that are equal in an order come as they were first heard
of. A cursor belongs to its order. \`totalCount\` is exact to 10,000; beyond it \`totalCountIsEstimate\` is true.
\`LAST_SEEN\`, \`lastSeenBefore\` and \`lastSeenAfter\` go by the hour; \`lastSeenAt\` tells the time.

## Other lists

In these a page costs the same whatever there is, also for a small tenant beside a large one; plans are tested. What
stands on the right takes longer the more of it there is.

| list | costs a page | costs what is passed over |
|---|---|---|
| \`commands\` | no filter; \`requestTypes\` (up to 20); \`createdBy\`; \`createdFrom\`, \`createdBefore\`; each also with \`FINISHED\` | \`FINISHED\`: the open ones between. \`OPEN\`: commands that are open or commands that the rest of the filter means, whichever are fewer; with times, all open ones. Two of type, maker and times: what only one of them means |
| \`command.targets\`, \`command.results\` | no filter; \`states\`, one. For a token of one tenant, where the command reaches no other | |
| a device's \`queue\`, \`checkIns\`, \`strayReports\`, \`inventoryChanges\` | no filter, \`state\` | |
| a device's \`results\` | no filter | \`states\`: that device's other results |
| \`auditEntries\` | no filter; \`actors\`, \`actions\`, one; \`from\`, \`until\` | two of them, several actors or actions, and a tenant's by times: what only one of them means |
| \`jobs\` | no filter; \`states\` of those that are not done | other \`states\`, \`kinds\`: other jobs |
| \`certificateRenewals\` | no filter; \`states\`, one | \`expiresBefore\`: other renewals |
| \`issuedCertificates\`, \`enrollmentInvitations\`, \`tags\`, \`apiTokens\`, \`projectionFailures\` | no filter; \`prefix\`, \`serialNumbers\`, \`sha256\`, \`invitationId\` | \`revoked\`: other certificates |

Commands and audit entries come as they were stored, the newest first; filtered by times, in the order of those
times, which differ for commands that were taken over from another server. (Open commands always come as they were
stored.) To count costs up to 10,000 rows, and for a token of one tenant a look-up for each: some tens of
milliseconds.
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
