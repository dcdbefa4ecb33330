import { nginx } from './proxies.ts';
import { describeProxy } from './suite.ts';

describeProxy(nginx);
