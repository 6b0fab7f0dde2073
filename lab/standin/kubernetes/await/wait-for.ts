/**
 * The annotation `pulumi.com/waitFor`: `condition=<Type>[=<Status>]` or
 * `jsonpath={<path>}[=<value>]`, or a JSON list of them, all of which must hold. It takes the place
 * of the kind's own rule.
 *
 * Paths: keys, indices, `[*]`, `["quoted"]` and `[?(@.key=="value")]`; a path that this stand-in
 * cannot read is an error that says so, because guessing would end in a wrong "ready".
 *
 * Source: pulumi-kubernetes `metadata/overrides.go` `ReadyCondition`,
 * `condition/{jsonpath,custom}.go`.
 */
import type { PlainValue } from '../../provider/value.ts';
import { annotation, annotationOf } from '../annotations.ts';
import {
  at,
  conditionOf,
  isObject,
  type KubeObject,
  nameOf,
  scalarText,
  textAt,
} from '../object.ts';
import { isObserved, type ReadinessRule, ready, waiting } from './judgement.ts';

type Holds = (object: KubeObject) => boolean;

interface Expectation {
  readonly text: string;
  readonly holds: Holds;
}

/** Undefined when the object has no such annotation; throws when it cannot be read. */
export function waitForRule(object: KubeObject): ReadinessRule | undefined {
  const text = annotationOf(object, annotation.waitFor);
  if (text === '') return undefined;
  const expectations = expressionsOf(text).map(parseExpectation);
  if (expectations.length === 0) {
    throw new Error(`${annotation.waitFor} is an empty list: at least one condition is needed`);
  }
  return {
    timeoutSeconds: 600,
    judge(live) {
      const missing = expectations.filter(({ holds }) => !holds(live)).map((one) => one.text);
      if (missing.length === 0) return ready;
      return waiting(`Waiting for ${nameOf(live)}: ${missing.join(', ')}`);
    },
  };
}

function expressionsOf(text: string): readonly string[] {
  if (!text.trimStart().startsWith('[')) return [text];
  const list: unknown = JSON.parse(text);
  if (Array.isArray(list) && list.every((entry) => typeof entry === 'string')) return list;
  throw new Error(`${annotation.waitFor} must be one condition or a JSON list of them: ${text}`);
}

function parseExpectation(text: string): Expectation {
  const condition = /^condition=([^=]+)(?:=(.+))?$/.exec(text);
  if (condition !== null) {
    const [, type = '', status = 'True'] = condition;
    const wanted = status.toLowerCase();
    return {
      text,
      holds: (object) =>
        speaksOfNow(object) && textAt(conditionOf(object, type), 'status').toLowerCase() === wanted,
    };
  }
  const path = /^jsonpath=['"]?\{(.+?)\}['"]?(?:=(.+))?$/.exec(text);
  if (path !== null) {
    const [, inner = '', wanted] = path;
    const steps = parseJsonPath(inner);
    return {
      text,
      holds: (object) => {
        const found = select(object, steps);
        if (wanted === undefined) return found.length > 0;
        return found.some((value) => scalarText(value) === unquote(wanted));
      },
    };
  }
  throw new Error(
    `${annotation.waitFor}: "${text}" is neither condition=<type> nor jsonpath={<path>}=<value>`,
  );
}

const unquote = (text: string) => text.replace(/^(['"])(.*)\1$/, '$2');

/** Kinds that say what generation their status is about must have caught up. */
function speaksOfNow(object: KubeObject): boolean {
  return at(object, 'status', 'observedGeneration') === undefined || isObserved(object);
}

type Step =
  | { readonly kind: 'key'; readonly key: string }
  | { readonly kind: 'index'; readonly index: number }
  | { readonly kind: 'every' }
  | { readonly kind: 'filter'; readonly key: string; readonly value: string };

function parseJsonPath(text: string): readonly Step[] {
  const steps: Step[] = [];
  const token =
    /\.([\w\-\\.]*[\w-])|\[(-?\d+)\]|\[(\*)\]|\[(?:'([^']*)'|"([^"]*)")\]|\[\?\(\s*@\.([\w-]+)\s*==\s*(?:'([^']*)'|"([^"]*)")\s*\)\]/y;
  const source = text.replace(/^\$/, '');
  while (token.lastIndex < source.length) {
    const from = token.lastIndex;
    const found = token.exec(source);
    if (found === null) {
      throw new Error(
        `${annotation.waitFor}: the stand-in cannot read the path "${text}" from ` +
          `"${source.slice(from)}" on. It knows keys, indices, [*] and [?(@.key=="value")].`,
      );
    }
    const [, keys, index, every, single, double, filterKey, filterSingle, filterDouble] = found;
    if (keys !== undefined) {
      // `a\.b` is one key with a dot, `a.b` are two.
      for (const key of keys.split(/(?<!\\)\./)) {
        steps.push({ kind: 'key', key: key.replaceAll('\\.', '.') });
      }
    } else if (index !== undefined) steps.push({ kind: 'index', index: Number(index) });
    else if (every !== undefined) steps.push({ kind: 'every' });
    else if (filterKey !== undefined) {
      steps.push({ kind: 'filter', key: filterKey, value: filterSingle ?? filterDouble ?? '' });
    } else steps.push({ kind: 'key', key: single ?? double ?? '' });
  }
  return steps;
}

function select(object: PlainValue, steps: readonly Step[]): readonly PlainValue[] {
  let found: readonly PlainValue[] = [object];
  for (const step of steps) found = found.flatMap((value) => follow(value, step));
  return found;
}

function follow(value: PlainValue, step: Step): readonly PlainValue[] {
  switch (step.kind) {
    case 'key': {
      const inner = isObject(value) ? value[step.key] : undefined;
      return inner === undefined || inner === null ? [] : [inner];
    }
    case 'index': {
      const inner: PlainValue | undefined = Array.isArray(value) ? value.at(step.index) : undefined;
      return inner === undefined ? [] : [inner];
    }
    case 'every':
      if (Array.isArray(value)) return value;
      return isObject(value) ? Object.values(value) : [];
    case 'filter':
      if (!Array.isArray(value)) return [];
      return value.filter((entry) => isObject(entry) && scalarText(entry[step.key]) === step.value);
  }
}
