/**
 * One member as its engine sees it: whether it can be reached, which part it plays, and which
 * questions are open. Holds no rule of its own beyond "a question is answered once".
 */
import { IdMap } from '../base/id-map.ts';
import type { MemberReply, MemberReport, MemberRequest } from './member.ts';
import type { MemberRecord, VolumeRecord } from './record.ts';

/**
 * `in-sync`: its answer is needed (I-06). `joining`: as in-sync, while the record is being changed
 * to say so (I-08). `copying`: gets every write and is being filled. `absent`: gets nothing.
 */
export type MemberRole = 'in-sync' | 'joining' | 'copying' | 'absent';

/** `gone`: no answer will come, because the member or the connection is out. */
export type Heard = MemberReply | { readonly kind: 'gone' };

type Failed = Extract<MemberReply, { kind: 'failed' }>;

interface Question {
  readonly request: MemberRequest;
  readonly hear: (heard: Heard) => void;
  /** Asked again on the next connection, as long as the member may not be missed. */
  readonly lasting: boolean;
}

export class MemberLink {
  readonly id: string;
  readonly address: string;
  role: MemberRole = 'absent';
  state: 'down' | 'connecting' | 'promising' | 'up' = 'down';
  downSinceMs: number;
  /** Why it is not connected, as far as is known. */
  why = '';
  incarnation = '';
  /** From the promise on the present connection. */
  report: MemberReport | undefined;
  /**
   * Out for good until it is an absent member again: it lost writes, or its disk failed (I-10,
   * I-18).
   */
  broken = '';
  /**
   * A procedure (opening, copying) relies on this connection. If it goes away the procedure starts
   * again: who comes back may be another, with an empty disk.
   */
  held = false;
  /** It was stopped and started while it counted, and has not promised since. */
  returned = false;
  /** What it has accepted since it was stopped in order cannot be told from what it had then. */
  readmissions = 0;
  /** Its size and snapshots: as it reported them, and as it was told since. */
  sizeBytes = 0;
  readonly snapshots = new Set<string>();
  /** It is being taken out of the record: another engine may serve without it already (I-03). */
  departing = false;
  /** The record does not name it any more: nothing is done with it. */
  dismissed = false;
  /** Generations of absent members it durably tracks, by member. */
  readonly tracks = new Map<string, number>();
  readonly #questions = new IdMap<Question>();
  #nextQuestion = 1;

  constructor(record: MemberRecord, nowMs: number) {
    this.id = record.id;
    this.address = record.address;
    this.downSinceMs = nowMs;
  }

  /** Who it is and what is the matter with it, for people. */
  get account(): string {
    const why = this.broken === '' ? this.why : this.broken;
    return why === '' ? this.id : `${this.id} (${why})`;
  }

  /** I-23: it has the size and every snapshot that the record names. */
  hasCuts(record: VolumeRecord): boolean {
    return (
      this.sizeBytes >= record.sizeBytes &&
      record.snapshots.every((name) => this.snapshots.has(name))
    );
  }

  /** It has promised, holds data, and has not what the record says every in-sync member has. */
  lacks(record: VolumeRecord): boolean {
    return this.report !== undefined && this.report.standing !== 'new' && !this.hasCuts(record);
  }

  promised(report: MemberReport): void {
    this.report = report;
    this.sizeBytes = report.sizeBytes;
    this.snapshots.clear();
    for (const name of report.snapshots) this.snapshots.add(name);
  }

  get usable(): boolean {
    return this.state === 'up' && this.broken === '';
  }

  /** What it holds may be shown to clients, if it counts. */
  get readable(): boolean {
    return this.usable && !this.departing;
  }

  /** Nothing may be acknowledged without it. */
  get needed(): boolean {
    return this.role === 'in-sync' || this.role === 'joining';
  }

  /** It is full, and nothing goes on without it: asked again, not given up. */
  waitsForRoom(reply: Heard): reply is Failed {
    return reply.kind === 'failed' && reply.code === 'disk.full' && this.needed;
  }

  /** The number under which the answer will come; to be sent when `usable`. */
  ask(question: Question): number {
    const id = this.#nextQuestion++;
    this.#questions.set(id, question);
    return id;
  }

  /** False when nobody waits for it. */
  answer(id: number, reply: MemberReply): boolean {
    const question = this.#questions.get(id);
    if (question === undefined) return false;
    // A lasting question that failed stays open until its member is out: only then is it not
    // needed.
    const lasts = reply.kind === 'failed' && question.lasting;
    if (!lasts && !this.waitsForRoom(reply)) this.#questions.delete(id);
    question.hear(reply);
    return true;
  }

  isOpen(id: number): boolean {
    return this.#questions.has(id);
  }

  /**
   * It is broken and was only being filled: no answer of it is waited for. It stays broken until
   * the procedure that fills it has seen it.
   */
  giveUp(): void {
    this.role = 'absent';
    this.drop(true);
  }

  /** The lasting questions, to be sent again. */
  *open(): IterableIterator<readonly [number, MemberRequest]> {
    for (const [id, { request }] of this.#questions.entries()) yield [id, request];
  }

  /** Gives up questions that do not last, or all of them. */
  drop(everything: boolean): void {
    const dropped = this.#questions.entries().filter(([, { lasting }]) => everything || !lasting);
    for (const [id] of dropped) this.#questions.delete(id);
    for (const [, { hear }] of dropped) hear({ kind: 'gone' });
  }
}
