/** Words that may not stand in certain folders, each with its cure. */
import { type Finding, isCode, linesOf, type TidyFile, type TidyRule } from '../tree.ts';

interface Ban {
  readonly rule: string;
  readonly pattern: RegExp;
  readonly where: (path: string) => boolean;
  /** Comments and documents may name what code may not use. */
  readonly codeOnly: boolean;
  readonly what: string;
  readonly cure: string;
}

const pureFolders = /^dataplane\/(base|volume|store|nbd|peer|backup|control|csi|report)\//;
const awaitFolders = /^dataplane\/(drive|host|main|ports|container)\//;
const isTest = (path: string) => path.startsWith('test/');
/** The tidy rules and their planted violations name what they forbid. */
const isTidy = (path: string) => path.startsWith('test/tidy/');

/** Assembled, so that this file does not hold what it forbids. */
const registries = [
  ['registry', 'npmjs'],
  ['proxy', 'golang'],
  ['deb', 'debian'],
  ['crates', 'io/'],
  ['files', 'pythonhosted'],
].map((parts) => parts.join('[.]'));
const machineFolders = ['work', 'farm', ['var', 'tmp'].join('/')];

const bans: readonly Ban[] = [
  {
    rule: 'no-await-in-nouns',
    pattern: /\bawait\b|\basync\b/,
    where: (path) => path.startsWith('dataplane/') && !awaitFolders.test(path),
    codeOnly: true,
    what: 'waits inside the pure part of the data plane',
    cure: 'return a command and let dataplane/drive carry it out',
  },
  {
    rule: 'no-clock-outside-host',
    pattern:
      /\bDate\.now\(|\bnew Date\(|\bsetTimeout\(|\bsetInterval\(|\bsetImmediate\(|\bperformance\.now\(/,
    where: (path) => path.startsWith('dataplane/') && !/^dataplane\/(host|main)\//.test(path),
    codeOnly: true,
    what: 'reads a clock or sets a timer outside dataplane/host',
    cure: 'take Clock from dataplane/ports/clock.ts',
  },
  {
    rule: 'no-world-outside-host',
    pattern:
      /from '(node:)?(fs|net|tls|http|https|child_process|worker_threads|dgram|os)(\/promises)?'/,
    where: (path) =>
      path.startsWith('dataplane/') && !/^dataplane\/(host|main|container)\//.test(path),
    codeOnly: true,
    what: 'opens files, sockets or processes outside dataplane/host',
    cure: 'add the operation to a port and its twin',
  },
  {
    rule: 'no-environment-outside-main',
    pattern: /\bprocess\.env\b/,
    // policies/pack.ts is the one file of the pack that is run.
    where: (path) =>
      // Jobs are programs of their own, which run in the cluster.
      /^(dataplane\/(?!main\/)|components\/(?!jobs\/)|policies\/(?!pack\.ts))/.test(path),
    codeOnly: true,
    what: 'reads the environment',
    cure: 'read it in main/ (or index.ts) and pass the value in',
  },
  {
    rule: 'no-random-outside-host',
    pattern: /\bMath\.random\(/,
    where: (path) => pureFolders.test(path) || path.startsWith('dataplane/drive/') || isTest(path),
    codeOnly: true,
    what: 'draws a number that no seed repeats',
    cure: 'take Random from dataplane/ports/random.ts (in tests: a seeded generator)',
  },
  {
    rule: 'no-sleep-in-tests',
    pattern: /setTimeout\(r(esolve)?\b|\bawait (sleep|delay)\(/,
    where: isTest,
    codeOnly: true,
    what: 'waits by the clock',
    cure: 'wait for the condition itself, with a bound and a message',
  },
  {
    rule: 'no-silent-skip',
    pattern: /\bthis\.skip\(\)|\b(it|describe)\.skip\(|\bx(it|describe)\(/,
    where: (path) => isTest(path) && path !== 'test/support/reporter.ts',
    codeOnly: true,
    what: 'skips a test without a reason',
    cure: "use skip(this, 'reason') of test/support/reporter.ts",
  },
  {
    rule: 'no-narrowed-run',
    pattern: /\b(it|describe)\.only\(/,
    where: isTest,
    codeOnly: true,
    what: 'runs one test and leaves the others out',
    cure: 'remove .only',
  },
  {
    rule: 'no-empty-assertion',
    pattern: /assert(?:\.ok)?\(true\)|assert\.equal\((\w+), \1\)/,
    where: isTest,
    codeOnly: true,
    what: 'asserts nothing',
    cure: 'assert what the test is named after',
  },
  {
    rule: 'no-unfinished-work',
    pattern: /\b(TODO|FIXME|XXX|HACK)\b/,
    where: () => true,
    codeOnly: false,
    what: 'says that something is left to do',
    cure: "finish it, or state the limit in the docs in a reader's words",
  },
  {
    rule: 'no-machine-paths',
    pattern: new RegExp(`(^|[\\s"'\`(=:])/(${machineFolders.join('|')})/`),
    where: () => true,
    codeOnly: false,
    what: 'names a path of one machine',
    cure: 'derive it from the repository root, XDG folders or os.tmpdir()',
  },
  {
    rule: 'no-registry-hosts',
    pattern: new RegExp(registries.join('|')),
    where: () => true,
    codeOnly: false,
    what: 'names the host of a package registry',
    cure: 'use the ordinary client as the machine has it set up',
  },
];

export const banned: TidyRule = (files) => files.filter((f) => !isTidy(f.path)).flatMap(inFile);

function inFile(file: TidyFile): Finding[] {
  const active = bans.filter((ban) => ban.where(file.path) && (!ban.codeOnly || isCode(file)));
  return linesOf(file).flatMap(({ line, text }) =>
    active
      .filter((ban) => ban.pattern.test(ban.codeOnly ? withoutComment(text) : text))
      .map(({ rule, what, cure }) => ({ rule, path: file.path, line, what, cure })),
  );
}

/** Cuts line comments and the text of block comments, which may name anything. */
function withoutComment(text: string): string {
  const trimmed = text.trimStart();
  if (trimmed.startsWith('*') || trimmed.startsWith('/*')) return '';
  return text.replace(/(^|\s)\/\/.*$/, '');
}
