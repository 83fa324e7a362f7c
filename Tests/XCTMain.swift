// SPDX-License-Identifier: Apache-2.0
import Testing

/// Where the tests start. With a file of this name SwiftPM does not look for XCTest's cases, of which there are none, and
/// so a build needs no index.
@main struct Tests {
    static func main() async { await Testing.__swiftPMEntryPoint() as Never }
}
