// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import Lambda

@Suite("docs/runtimes.md") struct RuntimePageTests {
    /// The identifiers in the first column of the page's first table.
    private func identifiers() throws -> [String] {
        let repository = #filePath.split(separator: "/").dropLast(4).joined(separator: "/")
        let page = try #require(HostPath("/\(repository)/docs/runtimes.md").contents(limit: 1 << 20))
        let lines = String(decoding: page, as: UTF8.self).split(separator: "\n", omittingEmptySubsequences: false)
        let table = lines.drop { !$0.hasPrefix("| identifier") }.prefix { $0.hasPrefix("|") }.dropFirst(2)
        return table.flatMap { line -> [String] in
            let cell = line.split(separator: "|").first ?? ""
            return cell.split(separator: "`", omittingEmptySubsequences: false).enumerated().filter {
                $0.offset % 2 == 1
            }
            .map { String($0.element) }
        }
    }

    @Test("says of every identifier that AWS takes how it is served, and of no other")
    func complete() throws {
        let named = try identifiers()
        #expect(Set(named).count == named.count)
        // Customer-managed runtimes are refused by name.
        let others = Set(named).subtracting(RuntimeCatalog.supported)
        #expect(others == ["custom", "PackageType: Image"])
        #expect(Set(RuntimeCatalog.supported).subtracting(named).isEmpty)
    }
}
