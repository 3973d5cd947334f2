/** What goes wrong with devices: nothing that the caller's arguments could have avoided, so not a TypeError. */

/**
 * unavailable: there is no adapter, or the library behind it is missing. limits: the device has no room for what is
 * wanted. numbers: its results differ from the definition's. lost: it was taken away, and with it what it held.
 * failed: it refused a command.
 */
export type DeviceTrouble = 'unavailable' | 'limits' | 'numbers' | 'lost' | 'failed';

/** Thrown by all that computes on a device; `trouble` says what to do about it, the message what happened. */
export class DeviceError extends Error {
  readonly trouble: DeviceTrouble;

  constructor(trouble: DeviceTrouble, message: string) {
    super(message);
    this.name = 'DeviceError';
    this.trouble = trouble;
  }
}
