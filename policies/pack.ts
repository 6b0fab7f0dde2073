/**
 * The policy pack. Constructing it starts the server that the Pulumi engine talks to, so this is
 * the only module that does, and nothing imports it but `index.js`.
 */
import { PolicyPack } from '@pulumi/policy';
import { today } from './clock.ts';
import { registered } from './registered.ts';
import { rules } from './rules.ts';

new PolicyPack('larder', {
  description: 'Checks that keep a homelab on Kubernetes from losing data',
  enforcementLevel: 'mandatory',
  policies: registered(rules, { today, stateBackend: process.env['PULUMI_BACKEND_URL'] }),
});
