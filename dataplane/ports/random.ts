/** Unpredictable names: incarnations of processes, lineages. */
export interface Random {
  /** 32 lower-case hexadecimal digits, never the same twice. */
  token(): string;
}
