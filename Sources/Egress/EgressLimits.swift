// SPDX-License-Identifier: Apache-2.0
package import NIOCore

/// What the way out of one sandbox may take of the server.
package struct EgressLimits: Sendable {
    /// TCP connections of one sandbox at a time, those to name servers included.
    package var connections = 256
    /// Lookups of one sandbox that wait for their answer.
    package var lookups = 64
    /// A connection that is not made by then is broken.
    package var connectTimeout: TimeAmount = .seconds(30)
    /// A lookup that has no answer by then is forgotten: the one who asked will ask again.
    package var lookupTimeout: TimeAmount = .seconds(5)

    package init() {}
}
