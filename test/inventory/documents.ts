import { graphql } from '../../generated/gql/gql.ts';

export const inventoryOf = graphql(`
  query InventoryOf($udid: String!) {
    enrollment(udid: $udid) {
      deviceName
      osVersion
      serialNumber
      inventoryCursor
      ... on DeviceEnrollment {
        applicationCount
        buildVersion
        supervised
        batteryLevel
        deviceCapacity
        passcodePresent
        fileVaultEnabled
      }
      inventory {
        sections {
          section
          receivedAt
          command {
            uuid
          }
        }
        deviceInformation {
          deviceName
          osVersion
          batteryLevel
          isSupervised
          lastCloudBackupDate
          organizationInfo {
            organizationName
          }
        }
        securityInfo {
          passcodePresent
          fdeEnabled
          fdePersonalRecoveryKeyDeviceKey
          firewallSettings {
            firewallEnabled
            stealthMode
          }
        }
        applications(first: 2) {
          totalCount
          edges {
            node {
              identifier
              name
              shortVersion
              bundleSize
            }
          }
          pageInfo {
            hasNextPage
            endCursor
          }
        }
        managedApplications
        profiles {
          totalCount
        }
      }
      inventoryChanges(last: 20) {
        edges {
          node {
            section
            field
            previous
            current
            command {
              uuid
            }
          }
        }
      }
    }
  }
`);

export const answerTo = graphql(`
  query AnswerTo($uuid: String!) {
    command(uuid: $uuid) {
      results {
        edges {
          node {
            inventoryProblem
            answer {
              __typename
              mismatches
              ... on DeviceInformationAnswer {
                queryResponses {
                  hostName
                  udid
                  osVersion
                  batteryLevel
                  deviceCapacity
                  isSupervised
                  lastCloudBackupDate
                }
              }
              ... on SecurityInfoAnswer {
                securityInfo {
                  fdeEnabled
                  fdePersonalRecoveryKeyDeviceKey
                }
              }
              ... on CertificateListAnswer {
                certificateList {
                  commonName
                  data
                }
              }
              ... on InstalledApplicationListAnswer {
                installedApplicationList {
                  identifier
                  bundleSize
                }
              }
            }
          }
        }
      }
    }
  }
`);

export const inventoryEvents = graphql(`
  subscription InventoryEvents($after: String) {
    events(filter: { types: [InventoryChanged] }, after: $after) {
      __typename
      ... on InventoryChangedEvent {
        enrollmentId
        commandUuid
        section
        first
        changeCount
        changes {
          field
          previous
          current
        }
        enrollment {
          osVersion
        }
        result {
          status
        }
      }
    }
  }
`);

export const rebuild = graphql(`
  mutation InventoryRebuild($input: RebuildInventoryInput!) {
    rebuildInventory(input: $input) {
      __typename
      ... on RebuildInventoryPayload {
        targetCount
        job {
          jobId
        }
        refused {
          id
          code
        }
        cursor
        replayed
        validateOnly
      }
      ... on Error {
        code
        message
        path
      }
    }
  }
`);

export const tenantToken = graphql(`
  mutation InventoryTenantToken($input: CreateApiTokenInput!) {
    createApiToken(input: $input) {
      __typename
      ... on NewApiTokenPayload {
        secret
      }
    }
  }
`);
