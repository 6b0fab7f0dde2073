/**
 * Secrets that stand in clear in an environment variable or a ConfigMap. Values are looked at and
 * never repeated, not even in part.
 */
import { type DeclaredObject, isKind } from '../model/declared.ts';
import { keyOf, keysOf } from '../model/keyed-data.ts';
import { listAt, textAt } from '../model/value.ts';
import { type Container, workloadOf } from '../model/workload.ts';
import type { Finding, ObjectRule } from '../rule.ts';

const secretName =
  /(^|[_.-])(PASSWORD|PASSWD|PASS|PWD|SECRET|TOKEN|API_?KEY|ACCESS_?KEY|PRIVATE_?KEY|ENCRYPTION_?KEY|CREDENTIALS?)$/i;
const camelName = /[a-z](Password|Secret|Token|ApiKey|SecretKey|PrivateKey)$/;
/** A reference, a switch, a number or a path is not the secret itself. */
const harmlessValue =
  /^(|true|false|yes|no|none|null|\d{1,5}|\/\S*|\$\(.*\)|\$\{.*\}|<.*>|vault:.*|file:.*)$/i;
const urlWithPassword = /[a-z][a-z0-9+.-]*:\/\/[^\s/:@]+:(?!\$[({])[^\s/@]+@/i;
const privateKey = /-----BEGIN [A-Z ]*PRIVATE KEY-----/;

export const secretsNotInConfig: ObjectRule = {
  id: 'secrets-not-in-config',
  scope: 'object',
  description: 'Passwords, tokens and keys stand in Secrets, not in variables or ConfigMaps.',
  severity: 'high',
  level: 'mandatory',
  advises: false,
  why:
    'What stands in a manifest is shown by previews, stored in clear in the state, and readable ' +
    'by everyone who may list pods; it also goes into every backup of the cluster.',
  waysOut: [
    'Put it in a Secret and refer to it by valueFrom.secretKeyRef',
    'Mount it as a file and use the *_FILE variable of the image',
    'Let the program make it (random.RandomPassword) and mark it as a secret',
  ],
  good: 'env POSTGRES_PASSWORD with valueFrom.secretKeyRef',
  bad: 'env POSTGRES_PASSWORD with value',
  check(object) {
    if (isKind(object, '', 'ConfigMap')) return configMapFindings(object);
    return (workloadOf(object)?.containers ?? []).flatMap((item) => variableFindings(object, item));
  },
};

function variableFindings(object: DeclaredObject, container: Container): readonly Finding[] {
  return listAt(container.fields, 'env').flatMap((entry, index) => {
    const name = textAt(entry, 'name');
    const value = textAt(entry, 'value');
    const what = name === undefined || value === undefined ? undefined : secretIn(name, value);
    if (what === undefined) return [];
    const field = `${container.field}.env[${index}].value`;
    return [
      { object, field, found: `${name} holds ${what} in clear`, level: 'violation' as const },
    ];
  });
}

function configMapFindings(object: DeclaredObject): readonly Finding[] {
  return keysOf(object).flatMap((key) => {
    const text = keyOf(object, key);
    const what = typeof text === 'string' ? secretIn(key, text) : undefined;
    if (what === undefined) return [];
    const field = `data[${key}]`;
    return [{ object, field, found: `it holds ${what} in clear`, level: 'violation' as const }];
  });
}

/** What kind of secret a name and value are, or undefined. */
function secretIn(name: string, value: string): string | undefined {
  if (privateKey.test(value)) return 'a private key';
  if (urlWithPassword.test(value)) return 'a URL with a password';
  const isNamed = secretName.test(name) || camelName.test(name);
  const isOneWord = !/\s/.test(value.trim());
  return isNamed && isOneWord && !harmlessValue.test(value.trim()) ? 'a secret' : undefined;
}
