// SPDX-License-Identifier: Apache-2.0
import MartletCore
import Storage

// How rows become values. What is on disk is not trusted: what makes no sense throws `lambda.row`.

extension Row {
    mutating func scope() throws -> Scope {
        let (account, region) = (try text(), try text())
        guard let account = AccountID(account), let region = Region(region) else { throw Self.damaged("an owner") }
        return Scope(account: account, region: region)
    }

    mutating func versionNumber() throws -> VersionNumber { VersionNumber(number: try integer()) }

    mutating func codePackage() throws -> CodePackage {
        guard let address = ContentAddress(hex: try text()) else { throw Self.damaged("a content address") }
        return CodePackage(address: address, size: try integer(), unpackedSize: try integer())
    }

    /// A list that was joined by line feeds; nil stays nil.
    mutating func optionalList() throws -> [String]? {
        try optionalText().map {
            $0.isEmpty ? [] : $0.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        }
    }

    static func damaged(_ what: String) -> MartletError {
        MartletError("lambda.row", "\(what) in the store is damaged")
    }
}

extension [String] {
    /// For columns that `Row.optionalList` reads.
    var joinedLines: String { joined(separator: "\n") }
}

extension FunctionRecord: RowDecodable {
    static let columns: SQL = "account, region, name, last_version, reserved_concurrency, recursive_loop"

    init(row: inout Row) throws {
        self.init(
            scope: try row.scope(),
            name: try row.text(),
            lastVersion: try row.integer(),
            reservedConcurrency: try row.optionalInteger(),
            recursiveLoop: try row.text()
        )
    }
}

extension AliasRecord: RowDecodable {
    static let columns: SQL = """
        account, region, function_name, name, version, description, other_version, other_weight, revision_id
        """

    init(row: inout Row) throws {
        self.init(
            scope: try row.scope(),
            functionName: try row.text(),
            name: try row.text(),
            version: try row.versionNumber(),
            description: try row.text(),
            routing: try Routing(row: &row),
            revisionID: try row.text()
        )
    }
}

extension AliasRecord.Routing {
    fileprivate init?(row: inout Row) throws {
        let (version, weight) = (try row.optionalInteger(), try row.real())
        guard let version else { return nil }
        self.init(version: VersionNumber(number: version), weight: weight)
    }
}

extension AttachedLayer {
    /// One line of the `layers` column: ARN, address and sizes, parted by tabs.
    var line: String { "\(arn)\t\(code.address)\t\(code.size)\t\(code.unpackedSize)" }

    init(line: Substring) throws {
        let fields = line.split(separator: "\t", omittingEmptySubsequences: false)
        guard fields.count == 4, let arn = ARN(String(fields[0])), let address = ContentAddress(hex: String(fields[1])),
            let size = Int(fields[2]), let unpackedSize = Int(fields[3])
        else { throw Row.damaged("an attached layer") }
        self.init(arn: arn, code: CodePackage(address: address, size: size, unpackedSize: unpackedSize))
    }
}
