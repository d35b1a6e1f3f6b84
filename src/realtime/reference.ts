/** The reference page of the socket protocol, as the inner HTML of a page. */
export const socketReference = '<h1>chat.v1</h1>';
