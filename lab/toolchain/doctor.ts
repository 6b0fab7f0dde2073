/**
 * `npm run doctor`: what is there, what it is needed for, what to do about the rest. It looks only:
 * nothing is built, fetched, installed or written, and it takes a few seconds at most.
 */
import path from 'node:path';
import { ToolCache } from './cache.ts';
import { catalogue } from './catalogue.ts';
import { chooseDownloader, chooseGo, findGos } from './go-command.ts';
import { locate, type Places } from './locate.ts';
import { assessMachine, readMachine, type Level, type MachineRow } from './machine.ts';
import { isReachable } from './network.ts';
import {
  installCommand,
  packageHost,
  packages,
  type Package,
  type PackageHost,
} from './packages.ts';
import { environmentOf, platform, type Catalogue, type Tool, type ToolContext } from './tool.ts';
import { isWithin, which } from './which.ts';

export interface ToolRow {
  readonly name: string;
  readonly level: Level;
  /** Its path (`~` for the home folder), or how it will be had. */
  readonly found: string;
  readonly version: string;
  readonly neededFor: string;
  readonly advice?: string;
}

export interface Diagnosis {
  readonly tools: readonly ToolRow[];
  readonly packages: readonly ToolRow[];
  readonly machine: readonly MachineRow[];
}

/** How tools that are missing can be had here. */
export interface Means {
  readonly hasGo: boolean;
  /** Missing packages are installed without being asked. */
  readonly canInstall: boolean;
  readonly isNetworkOpen: boolean;
}

export async function diagnose(context: ToolContext): Promise<Diagnosis> {
  const env = environmentOf(context);
  const cache = new ToolCache(context.paths.tools);
  const places: Places = {
    catalogue,
    env,
    cache: { folder: cache.folder, find: (key) => cache.glance(key) },
  };
  const url = catalogue.archives['pulumi']?.urls[platform];
  const [host, gos, isNetworkOpen] = await Promise.all([
    packageHost(env),
    findGos(catalogue, env),
    url === undefined ? false : isReachable(url, env),
  ]);
  const means: Means = {
    hasGo: chooseGo(gos, catalogue.goVersion) !== undefined || chooseDownloader(gos) !== undefined,
    canInstall: canInstall(host),
    isNetworkOpen,
  };
  const tools = await Promise.all(
    Object.entries(catalogue.tools).map(async ([name, tool]) => {
      const { found, rejected } = await locate(name, places);
      if (found !== undefined) {
        const { path: file, version } = found;
        const where = underHome(file, env);
        return { name, level: 'ok' as const, found: where, version, neededFor: tool.neededFor };
      }
      const other = rejected.find((program) => program.version !== undefined)?.version;
      return name === 'go'
        ? missingGo(tool, other, means)
        : missingTool(name, tool, other, means, catalogue);
    }),
  );
  const isToolCacheEmpty = tools.some(({ found }) => found === toBeBuilt);
  const facts = await readMachine(context.paths, env, { isToolCacheEmpty, isNetworkOpen });
  return {
    tools,
    packages: packages
      .filter((candidate) => candidate.group !== 'go')
      .map((candidate) => packageRow(candidate, which(candidate.program, env), host)),
    machine: assessMachine(facts),
  };
}

const toBeBuilt = 'not built yet';

function underHome(file: string, env: NodeJS.ProcessEnv): string {
  const home = env['HOME'];
  return home !== undefined && isWithin(file, home) ? `~/${path.relative(home, file)}` : file;
}

function canInstall(host: PackageHost): boolean {
  const isDebian = host.distributions.some((id) => id === 'debian' || id === 'ubuntu');
  return isDebian && host.isRoot && !host.noInstall;
}

/** An older Go downloads the wanted one; without any, an archive or a package brings one. */
export function missingGo(tool: Tool, other: string | undefined, means: Means): ToolRow {
  const base = { name: 'go', version: tool.version, neededFor: tool.neededFor };
  if (means.hasGo) {
    return {
      ...base,
      level: 'later',
      found: `is fetched when needed by the ${other} that is here`,
    };
  }
  if (means.canInstall || means.isNetworkOpen)
    return { ...base, level: 'later', found: 'is fetched when needed' };
  const advice = 'install Go 1.21 or newer: go.dev/dl or your distribution';
  return { ...base, level: 'fail', found: 'missing', advice };
}

/** The row of a tool that is not there: the first origin that can serve says what will happen. */
export function missingTool(
  name: string,
  tool: Tool,
  otherVersion: string | undefined,
  means: Means,
  from: Catalogue,
): ToolRow {
  const { version, neededFor } = tool;
  const other = otherVersion === undefined ? '' : ` (${otherVersion} is here)`;
  const base = { name, version, neededFor };
  for (const origin of tool.origins) {
    switch (origin.kind) {
      case 'path':
        continue;
      case 'download':
        if (!means.isNetworkOpen) continue;
        return { ...base, level: 'later', found: `is downloaded when needed${other}` };
      case 'package':
        if (means.canInstall) {
          return { ...base, level: 'later', found: `is installed when needed${other}` };
        }
        return {
          ...base,
          level: 'fail',
          found: `missing${other}`,
          advice: `install ${name}: see the packages below`,
        };
      case 'go': {
        const seconds = from.modules[origin.module]?.coldSeconds ?? 0;
        const minutes = Math.max(1, Math.round(seconds / 60));
        const advice = `is built when needed (about ${minutes} min with its module)`;
        if (means.hasGo || means.canInstall || means.isNetworkOpen) {
          return { ...base, level: 'later', found: toBeBuilt, advice };
        }
        const how = 'install Go 1.21 or newer (go.dev/dl), then it is built when needed';
        return { ...base, level: 'fail', found: toBeBuilt, advice: how };
      }
    }
  }
  return {
    ...base,
    level: 'fail',
    found: `missing${other}`,
    advice: `install ${name}: see the packages below`,
  };
}

/** The row of a distribution's package. */
export function packageRow(
  candidate: Package,
  file: string | undefined,
  host: PackageHost,
): ToolRow {
  const base = {
    name: candidate.debian,
    version: '',
    neededFor: candidate.neededFor,
  };
  if (file !== undefined) return { ...base, level: 'ok', found: file };
  const command = installCommand([candidate], host);
  const isAutomatic = canInstall(host);
  return {
    ...base,
    level: isAutomatic ? 'later' : candidate.group === 'lab' ? 'fail' : 'warn',
    found: 'missing',
    advice: isAutomatic ? `is installed when needed (${command})` : command,
  };
}

const marks: Readonly<Record<Level, string>> = {
  ok: 'ok',
  later: 'later',
  warn: 'warn',
  fail: 'FAIL',
};

/** Three tables of plain text, ending without a newline. */
export function renderDiagnosis(diagnosis: Diagnosis): string {
  const toolLines = (rows: readonly ToolRow[]) =>
    rows.map((row) => [
      marks[row.level],
      row.name,
      row.version,
      row.advice === undefined ? row.found : `${row.found}: ${row.advice}`,
      row.neededFor,
    ]);
  const machineLines = diagnosis.machine.map((row) => [
    marks[row.level],
    row.subject,
    row.found,
    row.advice ?? '',
  ]);
  const levels = [...diagnosis.tools, ...diagnosis.packages, ...diagnosis.machine];
  const failed = levels.filter((row) => row.level === 'fail').length;
  const verdict =
    failed === 0
      ? 'The lab can run on this machine.'
      : `${failed} ${failed === 1 ? 'thing stands' : 'things stand'} in the way of the lab: see FAIL.`;
  return [
    'Machine',
    table(['', 'what', 'found', 'what to do'], machineLines),
    'Tools',
    table(['', 'tool', 'version', 'where', 'needed for'], toolLines(diagnosis.tools)),
    'Packages of the distribution',
    table(['', 'package', '', 'where', 'needed for'], toolLines(diagnosis.packages)),
    verdict,
  ].join('\n\n');
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = [head, ...rows];
  const widths = head.map((_, column) =>
    Math.max(...all.map((cells) => cells[column]?.length ?? 0)),
  );
  return all
    .map((cells) => cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  '))
    .map((line) => `  ${line.trimEnd()}`)
    .join('\n');
}
