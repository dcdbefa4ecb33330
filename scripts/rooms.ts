import { forbiddenImports, importCycles, misplacedSql, unknownRooms } from './rooms/find.ts';

// Prints every import that the table of rooms does not allow; status 1 when there is one.

const wrong = [
  ...unknownRooms().map((file) => `${file} is in no room of scripts/rooms/table.ts`),
  ...forbiddenImports(),
  ...importCycles().map((cycle) => `cycle: ${cycle}`),
  ...misplacedSql().map((file) => `${file} holds SQL, which belongs into server/store`),
];
for (const line of wrong) console.error(line);
if (wrong.length > 0) process.exitCode = 1;
