"""A configuration for nbconvert: outputs of a cell are also taken for a moment after the kernel says that it is idle.

Deno's kernel sends a cell's value now and then just after that word, and nbconvert would leave such an output out.
"""

import asyncio

import nbclient.client as client

grace = 0.5  # seconds without an output that end a cell

wait_until_idle = client.NotebookClient._async_poll_output_msg


async def wait_until_silent(self, parent_msg_id, cell, cell_index):
    await wait_until_idle(self, parent_msg_id, cell, cell_index)
    while True:
        try:
            message = await asyncio.wait_for(client.ensure_async(self.kc.iopub_channel.get_msg(timeout=None)), grace)
        except asyncio.TimeoutError:
            return
        if message["parent_header"].get("msg_id") == parent_msg_id:
            self.process_message(message, cell, cell_index)


client.NotebookClient._async_poll_output_msg = wait_until_silent
