import { builder } from './builder.ts';
import { DeviceEnrollment } from './enrollment.ts';

const flags = {
  supervised: 'Whether it is supervised.',
  appleSilicon: 'Whether it has an Apple chip; Macs only.',
  activationLockEnabled: 'Whether Activation Lock is on.',
  passcodePresent: 'Whether it has a passcode.',
  fileVaultEnabled: 'Whether its disk is encrypted by FileVault; Macs only.',
} as const;

const numbers = {
  batteryLevel: 'How full its battery is, from 0 to 1.',
  deviceCapacity: 'Its whole storage, in gigabytes.',
  availableDeviceCapacity: 'Its free storage, in gigabytes.',
} as const;

const asTold = 'As it last told; null: not known.';

for (const [name, description] of entriesOf(flags)) {
  builder.prismaObjectField(DeviceEnrollment, name, (t) =>
    t.boolean({
      nullable: true,
      description: `${description} ${asTold}`,
      select: { inventory: true },
      resolve: ({ inventory }) => inventory?.[name] ?? null,
    }),
  );
}

for (const [name, description] of entriesOf(numbers)) {
  builder.prismaObjectField(DeviceEnrollment, name, (t) =>
    t.float({
      nullable: true,
      description: `${description} ${asTold}`,
      select: { inventory: true },
      resolve: ({ inventory }) => inventory?.[name] ?? null,
    }),
  );
}

builder.prismaObjectField(DeviceEnrollment, 'applicationCount', (t) =>
  t.int({
    nullable: true,
    description: `How many applications it lists. ${asTold}`,
    select: { inventory: true },
    resolve: ({ inventory }) => inventory?.applicationCount ?? null,
  }),
);

function entriesOf<T extends object>(record: T): [keyof T & string, string][] {
  return Object.entries(record) as [keyof T & string, string][];
}
