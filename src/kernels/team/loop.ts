/**
 * The team's loops in WebAssembly: how a job is handed out, taken and awaited. A fork-join team in the manner of
 * OpenMP's parallel for with dynamic scheduling, on the words of control.ts.
 *
 * A kernel is a function (args, task) in the table, where parts put it (part.ts): it does task number `task` of the job
 * whose arguments lie at `args`. The leader, which is the thread that called the library, publishes a job by writing
 * kernel, args and task count and then the ticket; every thread takes tasks by decrementing the ticket until none are
 * left. Every other thread takes them at the back, so that, mostly, the same images go to the same thread in one kernel
 * after another: what it wrote is in the cache of its core (on cores that share none, a step of network c takes 14.0 in
 * place of 16.2 ms, of b with 10 images 0.92 in place of 1.06; elsewhere the same). Because the ticket carries the
 * job's number, a worker that was late for one job cannot take part in the next by mistake; because a job is not over
 * before all its tasks are, kernel and args cannot change under a worker that has taken one.
 *
 * The line of the ticket goes from core to core, half a microsecond each time where they share no cache. So a thread
 * takes several tasks at a time, most of its share at first, then fewer, lest one be left with many at the end (guided
 * self-scheduling: Polychronopoulos and Kuck, 1987), and counts them together: 1 to 2% of a step of network c.
 *
 * An idle worker spins, then sleeps on the job number. It announces that before it looks at the number for the last
 * time, and the leader looks for sleepers after it has changed the number, so one of the two always notices (Dekker's
 * argument; WebAssembly's atomics are sequentially consistent). In these loops the leader never sleeps: browsers forbid
 * it on their main thread.
 *
 * A thread is terminated by its engine only where compiled code polls for it: at function entries and loop heads. There
 * is neither between taking a task and noting it in the record, nor between clearing the note and counting the task as
 * done, so a record always tells which task a vanished worker has left unfinished.
 */

import {
  apply, atomicCompareExchange, atomicLoad, atomicNotify, atomicUpdate, atomicWait, type Body, ByteWriter, callValue,
  constant, defineFunction, type FunctionReference, type GlobalReference, globalValue, load, type Local,
  ModuleBuilder, select, type Value,
} from '../../wasm/index.ts';
import { claimBits, control, leader, mostClaimed, record, recordAddress, states } from './control.ts';
import { importTeamMemory, tableSize, teamImports } from './part.ts';

/** The exports of the module of `emitTeam`. */
export interface TeamExports {
  /** where parts put their kernels */
  readonly table: WebAssembly.Table;
  /** the number of the thread that the instance runs in, which parts import; 0 in the leader */
  readonly participant: WebAssembly.Global;
  /** the address of the latest part that the instance has */
  readonly known: WebAssembly.Global;
  /**
   * Runs a job of `tasks` tasks and takes part in it. 0: finished. 1: workers are still at some of it after `spins`
   * looks; call `linger`. An exception of the kernel comes through, with the job still open: call `withdraw`.
   */
  lead(kernel: number, args: number, tasks: number, spins: number): number;
  /** Goes on waiting for the current job, for `spins` looks: 0 when it is finished, else 1. */
  linger(spins: number): number;
  /** Takes back the tasks of the current job that nobody has begun, counts them as done, and gives their number. */
  withdraw(): number;
  /** Does one task of a job again, in the leader, and counts it as done. */
  redo(task: number): void;
  /**
   * A worker's life: takes part in jobs until its team is dissolved (0) or its claim was taken away because it had been
   * given up for dead (1). `address` is that of its record; after `spins` looks without work it sleeps.
   */
  work(address: number, generation: number, spins: number): number;
}

/**
 * The module that every thread has an instance of, with `TeamExports`. It imports the memory, a heap's of so many
 * initial pages, and `learn`, which makes the parts that are in memory now known to the instance, and returns the
 * address of the latest.
 *
 * On their main threads, browsers compile at once only modules of up to so many bytes. With `length` this one is made
 * as long, by zeros that nobody reads, so that it is refused there where the longest part would be.
 */
export function emitTeam(initialPages: number, length: number = 0): Uint8Array<ArrayBuffer> {
  const module = new ModuleBuilder();
  importTeamMemory(module, initialPages);
  module.table(tableSize);
  module.exportTable('table');
  const learn = module.importFunction(teamImports, 'learn', [], ['i32']);
  const participant = module.global('participant', 'i32', true, 0, 'participant');
  const known = module.global('known', 'i32', true, 0, 'known');
  const take = emitTake(module, known, learn);
  const wait = emitWait(module);
  emitLead(module, take, wait);
  emitRepairs(module);
  emitWork(module, take, participant);
  const bytes = module.build();
  return length <= bytes.length ? bytes : new ByteWriter().bytes(bytes)
    .byte(0).sized(new ByteWriter().name('length').bytes(new Uint8Array(length - bytes.length))).toUint8Array();
}

const ticketAddress = constant('i32', control.ticket);
const jobAddress = constant('i32', control.job);
const frontAddress = constant('i32', control.front);
const backAddress = constant('i32', control.back);
const doneAddress = constant('i32', control.done);
const sleepersAddress = constant('i32', control.sleepers);
const partsAddress = constant('i32', control.parts);

/** A word of the current job's description, which does not change while a task of the job is unfinished. */
function jobWord(address: number): Value {
  return load('i32', constant('i32', address));
}

/** The number of the team that jobs are meant for now. */
function currentGeneration(): Value {
  return atomicLoad('i32', constant('i32', control.generation));
}

/** The lower half of a ticket: tasks that nobody has taken. */
function remaining(ticket: Value): Value {
  return apply('i32.wrap_i64', 'i32', [ticket]);
}

/** Does one task of the current job. */
function runTask(f: Body, module: ModuleBuilder, task: Value): void {
  f.callIndirect(module, jobWord(control.kernel), jobWord(control.args), task);
}

/** take(record, generation): does tasks of the current job until none are left; 1 when its claim was taken away. */
function emitTake(module: ModuleBuilder, known: GlobalReference, learn: FunctionReference): FunctionReference {
  return defineFunction(module, 'team_take', ['i32', 'i32'], ['i32'], (f, address, generation) => {
    const [ticket, claim, next] = f.locals('i64', 3);
    const [count, first] = f.locals('i32', 2);
    const takesLast = f.let(address.sub(control.records).divU(record.bytes).and(1));
    const no = constant('i32', 0);
    f.set(first, 1);
    f.loop((again) => {
      f.set(ticket, atomicLoad('i64', ticketAddress));
      f.if(remaining(ticket).eqz(), () => f.return(no));
      // if this ticket is a later team's, then so is the number that is read now
      f.if(currentGeneration().ne(generation), () => f.return(no));
      // a job's part is announced before its ticket
      f.if(globalValue(known).ne(atomicLoad('i32', partsAddress)), () => {
        f.setGlobal(known, callValue(learn, 'i32'));
        f.break(again);
      });
      f.set(count, tasksAtOnce(f, f.let(remaining(ticket)), first));
      const before = atomicCompareExchange('i64', ticketAddress, ticket, ticket.sub(extended(count)));
      f.breakIf(again, before.ne(ticket));
      f.set(first, 0);

      // the two ends have as many together as the ticket has given, so they never meet
      const task = f.local('i32');
      f.if(takesLast, () => {
        f.set(task, jobWord(control.tasks).sub(atomicUpdate('add', 'i32', backAddress, count)).sub(count));
      }, () => f.set(task, atomicUpdate('add', 'i32', frontAddress, count)));
      f.set(claim, extended(task.add(1)).or(extended(count.sub(1)).shl(Number(claimBits.rest))));
      f.atomicStore(address, claim, record.claim);
      f.loop((following) => {
        runTask(f, module, apply('i32.wrap_i64', 'i32', [claim]).sub(1));
        const isLast = claim.shrU(Number(claimBits.rest)).and(mostClaimed).eqz();
        f.set(next, select(isLast, constant('i64', 0), claim.add(oneFurther())));
        const claimed = atomicCompareExchange('i64', address, claim, next, record.claim);
        f.if(claimed.ne(claim), () => f.return(constant('i32', 1)));
        f.set(claim, next);
        f.breakIf(following, next.ne(0));
      });
      f.drop(atomicUpdate('add', 'i32', doneAddress, count));
      f.break(again);
    });
    f.trap();
  });
}

/** Added to a claim: the next task is the current one, one fewer is left, one more is finished. */
function oneFurther(): Value {
  return apply('i64.const', 'i64', [], 1n - (1n << claimBits.rest) + (1n << claimBits.finished));
}

/** An i32 without sign as an i64. */
function extended(value: Value): Value {
  return apply('i64.extend_i32_u', 'i64', [value]);
}

/**
 * How many tasks a thread takes when so many are left: three quarters of its share if they are its first of the job,
 * then half of its share of what is left; at least one, and never more than half.
 */
function tasksAtOnce(f: Body, left: Local, first: Local): Value {
  const threads = f.let(load('i32', constant('i32', control.threads)));
  const wanted = f.let(select(
    first, f.let(jobWord(control.tasks).mul(3).divU(threads.mul(4))), f.let(left.divU(threads.mul(2)))));
  for (const limit of [f.let(left.add(1).shrU(1)), constant('i32', mostClaimed)]) {
    f.set(wanted, select(wanted.ltU(limit), wanted, limit));
  }
  return select(wanted, wanted, constant('i32', 1));
}

/** wait(spins) -> 0 when every task of the current job is done, 1 when not after so many looks. Exported as linger. */
function emitWait(module: ModuleBuilder): FunctionReference {
  return defineFunction(module, 'team_linger', ['i32'], ['i32'], (f, spins) => {
    f.countdown(spins, () => {
      f.if(atomicLoad('i32', doneAddress).eq(jobWord(control.tasks)), () => f.return(constant('i32', 0)));
    });
    f.return(constant('i32', 1));
    f.trap();
  }, 'linger');
}

function emitLead(module: ModuleBuilder, take: FunctionReference, wait: FunctionReference): void {
  defineFunction(module, 'team_lead', ['i32', 'i32', 'i32', 'i32'], ['i32'], (f, kernel, args, tasks, spins) => {
    const finished = constant('i32', 0);
    f.if(tasks.le(1), () => { // a single task is not worth telling anybody
      f.if(tasks.eq(1), () => f.callIndirect(module, kernel, args, constant('i32', 0)));
      f.return(finished);
    });
    f.store(constant('i32', control.kernel), kernel);
    f.store(constant('i32', control.args), args);
    f.store(constant('i32', control.tasks), tasks);
    for (const address of [frontAddress, backAddress, doneAddress]) f.store(address, constant('i32', 0));
    const ticket = extended(load('i32', jobAddress).add(1)).shl(32).or(extended(tasks));
    f.atomicStore(ticketAddress, ticket); // publishes the lines above
    f.if(atomicLoad('i32', sleepersAddress).gt(0), () => {
      // the leader does at least one task itself
      const [others, wakes] = [f.let(tasks.sub(1)), f.let(load('i32', constant('i32', control.wakes)))];
      f.drop(atomicNotify(jobAddress, select(others.lt(wakes), others, wakes)));
    });
    f.drop(callValue(take, 'i32', constant('i32', recordAddress(leader)), currentGeneration()));
    f.return(callValue(wait, 'i32', spins));
    f.trap();
  }, 'lead');
}

/** withdraw and redo: what the leader does when a job has gone wrong. */
function emitRepairs(module: ModuleBuilder): void {
  defineFunction(module, 'team_withdraw', [], ['i32'], (f) => {
    const untaken = f.local('i32');
    const keepJob = apply('i64.const', 'i64', [], 0xffffffff00000000n);
    f.set(untaken, remaining(atomicUpdate('and', 'i64', ticketAddress, keepJob)));
    f.drop(atomicUpdate('add', 'i32', doneAddress, untaken));
    f.return(untaken);
    f.trap();
  }, 'withdraw');

  defineFunction(module, 'team_redo', ['i32'], [], (f, task) => {
    runTask(f, module, task);
    f.drop(atomicUpdate('add', 'i32', doneAddress, 1));
  }, 'redo');
}

function emitWork(module: ModuleBuilder, take: FunctionReference, participant: GlobalReference): void {
  defineFunction(module, 'team_work', ['i32', 'i32', 'i32'], ['i32'], (f, address, generation, spins) => {
    const ticket = f.local('i64');
    const looks = f.local('i32');
    const setState = (state: number): void => f.atomicStore(address, constant('i32', state), record.state);
    const leave = (reason: number): void => {
      setState(states.left);
      f.return(constant('i32', reason));
    };
    f.setGlobal(participant, address.sub(control.records).divU(record.bytes));
    setState(states.awake);
    f.loop((again) => {
      f.set(looks, spins);
      f.loop((look) => {
        f.set(ticket, atomicLoad('i64', ticketAddress));
        f.if(currentGeneration().ne(generation), () => leave(0));
        f.if(remaining(ticket).ne(0), () => {
          f.if(callValue(take, 'i32', address, generation), () => leave(1));
          f.break(again);
        });
        f.set(looks, looks.sub(1));
        f.breakIf(look, looks.gt(0));
      });
      f.drop(atomicUpdate('add', 'i32', sleepersAddress, 1));
      setState(states.asleep);
      const job = apply('i32.wrap_i64', 'i32', [ticket.shrU(32)]);
      f.drop(atomicWait(jobAddress, job)); // for as long as it takes; not at all if there is a new job already
      setState(states.awake);
      f.drop(atomicUpdate('sub', 'i32', sleepersAddress, 1));
      f.break(again);
    });
    f.trap();
  }, 'work');
}
