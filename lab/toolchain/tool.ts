/**
 * The words the toolchain shares: what a tool is, where it may come from, what was found, what a
 * caller hands in. `catalogue.ts` fills them for the lab; tests bring small catalogues of their
 * own.
 */
import type { LabPaths } from '../base/paths.ts';
import type { Progress } from '../base/progress.ts';

/** Where a tool came from: the machine's PATH, an official download, a build of ours, a package. */
type ToolSource = 'path' | 'download' | 'built' | 'package';

export interface FoundTool<Name extends string = string> {
  readonly name: Name;
  /** Absolute. Tools that look for others beside them (containerd, pulumi) stand in one folder. */
  readonly path: string;
  /** Without a leading `v`. */
  readonly version: string;
  readonly source: ToolSource;
}

export interface ToolContext {
  readonly progress: Progress;
  readonly paths: LabPaths;
  /** Aborts downloads, builds and waits for locks; the next run continues. */
  readonly signal: AbortSignal;
  /** Default: the process's own. `PATH`, `LARDER_OFFLINE`, `LARDER_NO_INSTALL`, `GOPROXY`, … */
  readonly env?: NodeJS.ProcessEnv;
}

/** One place a tool may come from. */
export type Origin =
  /** The program on PATH, when its version is the wanted one or, with `atLeast`, not older. */
  | {
      readonly kind: 'path';
      readonly atLeast?: string;
      /** Where installers put it without telling PATH. */
      readonly folders?: readonly string[];
    }
  /** The official release archive, checked against a pinned or a published checksum. */
  | { readonly kind: 'download'; readonly archive: string }
  /** A package of the distribution. */
  | { readonly kind: 'package'; readonly packageName: string }
  /** Built with Go as a tool dependency of one module. */
  | { readonly kind: 'go'; readonly module: string };

export interface Tool {
  readonly version: string;
  /** Ends the sentence "needed for …". */
  readonly neededFor: string;
  /** Arguments that make the tool print its version. */
  readonly versionArguments: readonly string[];
  /** Its first group is the version. */
  readonly versionPattern: RegExp;
  /** In the order in which they are tried. */
  readonly origins: readonly Origin[];
}

/** One program of a Go module. */
export interface GoProgram {
  readonly tool: string;
  /** Import path of its main package. */
  readonly importPath: string;
  /** `-X` arguments of the linker: the program's idea of its own version. */
  readonly stamps: readonly string[];
  /** Set where Go refuses to load it together with the others; says why. */
  readonly builtApart?: string;
}

export interface GoModule {
  readonly version: string;
  /** Said while it is built. */
  readonly what: string;
  /** Ends the sentence "needed for …". */
  readonly neededFor: string;
  /** Two cores, nothing cached, downloads included. */
  readonly coldSeconds: number;
  /** Absolute; holds go.mod and go.sum. */
  readonly folder: string;
  readonly programs: readonly GoProgram[];
}

type Checksum =
  /** Known beforehand, by platform. */
  | { readonly kind: 'pinned'; readonly sha256: Readonly<Record<string, string>> }
  /** In a file of `sha256  name` lines published beside the archive. */
  | { readonly kind: 'published'; readonly url: string };

/** A `.tar.gz` of an official release. */
export interface Archive {
  readonly version: string;
  readonly what: string;
  /** By platform; a platform that is missing has no such release. */
  readonly urls: Readonly<Record<string, string>>;
  readonly checksum: Checksum;
  /** Where in the archive each tool's program stands. */
  readonly programs: Readonly<Record<string, string>>;
}

export interface Catalogue {
  readonly goVersion: string;
  readonly tools: Readonly<Record<string, Tool>>;
  /** In the order in which they are built. */
  readonly modules: Readonly<Record<string, GoModule>>;
  readonly archives: Readonly<Record<string, Archive>>;
}

export function environmentOf(context: ToolContext): NodeJS.ProcessEnv {
  return context.env ?? process.env;
}

/** As Node names it, which is part of every cache key: `linux-x64`, `linux-arm64`. */
export const platform = `${process.platform}-${process.arch}`;

/** As Go and Pulumi's plugins name it. */
export const goArchitecture: string = process.arch === 'x64' ? 'amd64' : process.arch;
