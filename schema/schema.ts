import './scalars.ts';
import './errors.ts';
import './enrollment.ts';
import './enrollments.ts';
import './enrollment-tags.ts';
import './tag-enrollments.ts';
import './command.ts';
import './commands.ts';
import './command-result.ts';
import './command-target.ts';
import './stray-report.ts';
import './check-in.ts';
import './queue.ts';
import './event.ts';
import './enqueue-command.ts';
import './queue-control.ts';
import './unenroll.ts';
import './job.ts';
import './push.ts';
import './push-certificates.ts';
import './upload-push-certificate.ts';
import './push-certificate-request.ts';
import './escrow-key-unlock.ts';
import './device-authority.ts';
import './enrollment-invitation.ts';
import './enrollment-profile.ts';
import './issued-certificate.ts';
import './certificate-renewal.ts';
import './record-enrollment-profile.ts';
import './upload.ts';
import './migrate-enrollments.ts';
import './subscriptions.ts';
import type { GraphQLSchema } from 'graphql';
import { builder } from './builder.ts';

builder.queryType({ description: 'What can be looked at.' });

/** The whole graph. */
export const schema: GraphQLSchema = builder.toSchema();
