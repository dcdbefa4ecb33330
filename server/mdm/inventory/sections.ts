/** What of an answer is inventory, and how two answers are compared. */
export interface SectionSpec {
  /**
   * The key of the answer that holds it; null: all of the answer beside the envelope.
   */
  readonly root: string | null;
  /**
   * `facts`: a dictionary that is asked for in parts, so that a new answer only changes what it holds.
   * `whole`: a dictionary that is told as a whole. `list`: things that come and go, by their ids.
   * `table`: the same as a dictionary by ids.
   */
  readonly kind: 'facts' | 'whole' | 'list' | 'table';
  /** Keys of an item that tell it apart, the first that it has. */
  readonly id?: readonly string[];
  /** Keys of an item of which a change is worth knowing, the first that it has. */
  readonly shows?: readonly string[];
  /** Keys (paths) that change all the time: not part of the history. */
  readonly restless?: readonly string[];
  /** Flags of a command that asks for some of the list only. */
  readonly partIf?: readonly string[];
}

/** By RequestType: what becomes inventory. Other answers are decoded only when somebody asks. */
export const sections: Readonly<Record<string, SectionSpec>> = {
  DeviceInformation: {
    root: 'QueryResponses',
    kind: 'facts',
    restless: [
      'AvailableDeviceCapacity',
      'BatteryLevel',
      'EstimatedResidentUsers',
      'IsDoNotDisturbInEffect',
      'LastCloudBackupDate',
      'OSUpdateSettings.PreviousScanDate',
      'ResidentUsers',
      'UptimeSeconds',
      'UserSessions',
    ],
  },
  SecurityInfo: { root: 'SecurityInfo', kind: 'whole' },
  Restrictions: { root: null, kind: 'whole' },
  InstalledApplicationList: {
    root: 'InstalledApplicationList',
    kind: 'list',
    id: ['Identifier', 'Name'],
    shows: ['ShortVersion', 'Version', 'Name'],
    partIf: ['ManagedAppsOnly'],
  },
  ManagedApplicationList: {
    root: 'ManagedApplicationList',
    kind: 'table',
    shows: ['Status'],
  },
  ProfileList: {
    root: 'ProfileList',
    kind: 'list',
    id: ['PayloadIdentifier'],
    shows: ['PayloadUUID'],
    partIf: ['ManagedOnly'],
  },
  CertificateList: {
    root: 'CertificateList',
    kind: 'list',
    id: ['Data', 'CommonName'],
    shows: ['CommonName'],
    partIf: ['ManagedOnly'],
  },
  ProvisioningProfileList: {
    root: 'ProvisioningProfileList',
    kind: 'list',
    id: ['UUID'],
    shows: ['Name'],
    partIf: ['ManagedOnly'],
  },
  AvailableOSUpdates: {
    root: 'AvailableOSUpdates',
    kind: 'list',
    id: ['ProductKey'],
    shows: ['Version'],
  },
  OSUpdateStatus: {
    root: 'OSUpdateStatus',
    kind: 'list',
    id: ['ProductKey'],
    shows: ['Status'],
  },
  UserList: { root: 'Users', kind: 'list', id: ['UserName'], shows: ['FullName', 'UserName'] },
};

/** The types of command whose answers become inventory. */
export const inventoryTypes: ReadonlySet<string> = new Set(Object.keys(sections));
