import { caddy } from './proxies.ts';
import { describeProxy } from './suite.ts';

describeProxy(caddy);
