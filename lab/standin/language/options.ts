/** The runtime options of `Pulumi.yaml` that the Node language host honours. */
import type { ProgramInfo } from '@pulumi/pulumi/proto/language_pb.js';

export interface RuntimeOptions {
  /**
   * `typescript`, default true: let the SDK register ts-node. False: Node strips the types itself.
   */
  readonly typescript: boolean;
  /** `tsconfig`: path for ts-node; only meaningful with `typescript`. */
  readonly tsconfig: string | undefined;
  /** `nodeargs`: arguments for Node before the program's. */
  readonly nodeArgs: readonly string[];
}

/**
 * Options that the official host knows and that change nothing here, where npm is the only manager.
 */
const tolerated: ReadonlySet<string> = new Set(['packagemanager', 'production']);

/** @throws Error naming every option that is unknown or of the wrong type, and what is allowed */
export function runtimeOptions(info: ProgramInfo | undefined): RuntimeOptions {
  const given = info?.getOptions()?.toJavaScript() ?? {};
  const problems: string[] = [];
  let [typescript, tsconfig, nodeArgs] = [true, undefined as string | undefined, [] as string[]];
  for (const [name, value] of Object.entries(given)) {
    if (name === 'typescript') {
      if (typeof value === 'boolean') typescript = value;
      else problems.push(`typescript is ${JSON.stringify(value)}; use true or false`);
    } else if (name === 'tsconfig') {
      if (typeof value === 'string') tsconfig = value;
      else problems.push(`tsconfig is ${JSON.stringify(value)}; use a path`);
    } else if (name === 'nodeargs') {
      if (typeof value === 'string') nodeArgs = splitArguments(value);
      else problems.push(`nodeargs is ${JSON.stringify(value)}; use one string`);
    } else if (!tolerated.has(name)) {
      problems.push(`${name} is not an option; there are typescript, tsconfig and nodeargs`);
    }
  }
  if (problems.length > 0) {
    throw new Error(`Pulumi.yaml, runtime.options: ${problems.join('; ')}.`);
  }
  return { typescript, tsconfig, nodeArgs };
}

/**
 * Words separated by blanks; single and double quotes keep blanks, a backslash the next character.
 */
export function splitArguments(text: string): string[] {
  const words: string[] = [];
  for (const [word] of text.matchAll(/(?:"(?:\\.|[^"])*"|'[^']*'|\\.|[^\s"'\\])+/g)) {
    words.push(
      word.replaceAll(
        /"((?:\\.|[^"])*)"|'([^']*)'|\\(.)/g,
        (_whole, double?: string, single?: string, escaped?: string) =>
          double?.replaceAll(/\\(.)/g, '$1') ?? single ?? escaped ?? '',
      ),
    );
  }
  return words;
}
