// SPDX-License-Identifier: Apache-2.0

/// What one client may take of the server. Every number is a bound that a hostile client meets.
package struct HTTPLimits: Sendable {
    /// All headers of a request together, the request line included. AWS's load balancers stop at 64 KB or below.
    package var headerBytes = 65_536
    package var headerCount = 256
    /// Connections beyond this are closed as soon as they come.
    package var connections = 8_192
    /// The same for each socket inside a sandbox, so that no function can use up the server's descriptors.
    package var sandboxConnections = 256
    /// A connection on which nothing moves: between requests, within one, or while an answer is not taken.
    package var idleTimeout: Duration = .seconds(75)
    /// One whole request, however steadily its bytes trickle in. Long enough for 70 MB at 1 Mbit/s.
    package var requestTimeout: Duration = .seconds(900)
    /// What is read and dropped after an answer that did not want the body, before the connection is closed.
    package var discardedBytes = 134_217_728
    /// Bodies up to this size are gathered before the request is started, which spares a hop between threads.
    package var gatheredBytes = 65_536
    /// How long a shutdown waits for the requests that are under way.
    package var drain: Duration = .seconds(25)

    package init() {}
}
