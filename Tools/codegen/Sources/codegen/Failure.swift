// SPDX-License-Identifier: Apache-2.0

/// Ends the run with one sentence for the person at the terminal.
struct Failure: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}
