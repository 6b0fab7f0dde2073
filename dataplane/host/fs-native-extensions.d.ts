/** The one function of the package that is used (docs/decisions/0081). */
declare module 'fs-native-extensions' {
  /**
   * Makes a hole of the range; the size of the file stays. Rejects with the system's error, for
   * example `EOPNOTSUPP` where the file system has no holes.
   */
  export function trim(fd: number, offsetBytes: number, lengthBytes: number): Promise<void>;
}
