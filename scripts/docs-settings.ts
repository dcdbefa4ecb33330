import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { settingsMarkdown } from '../server/config/help.ts';

// Writes docs/settings.md from the table of settings; with --check it only says whether that is needed.
// Run from the package's root.

const file = 'docs/settings.md';

if (process.argv.includes('--check')) {
  if (readOrEmpty() !== settingsMarkdown()) {
    process.stderr.write(
      `${file} is not what the table of settings makes; run scripts/docs-settings.ts.\n`,
    );
    process.exitCode = 1;
  }
} else {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, settingsMarkdown());
}

function readOrEmpty(): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
