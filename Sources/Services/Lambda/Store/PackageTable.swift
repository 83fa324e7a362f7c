// SPDX-License-Identifier: Apache-2.0
import MartletCore
import Storage

// Archives are shared between functions, versions, layers and accounts, by content. A package that is about to be used is
// claimed before its bytes are stored; one that nobody uses any more leaves in two steps, so that no claim can lose its file.

extension LambdaReading {
    /// Packages that were not claimed since `before` and that no version and no layer uses.
    func unusedPackages(before: Instant) throws -> [ContentAddress] {
        let used = try usedPackages()
        let candidates = try tx.rows(
            String.self,
            "SELECT address FROM lambda_package WHERE is_leaving = 0 AND touched < \(before) ORDER BY address"
        )
        return candidates.filter { !used.contains($0) }.compactMap { ContentAddress(hex: $0) }
    }

    /// Packages whose removal has begun: here a moment ago, or in a process that is no more.
    func leavingPackages() throws -> [ContentAddress] {
        try tx.rows(String.self, "SELECT address FROM lambda_package WHERE is_leaving = 1").compactMap {
            ContentAddress(hex: $0)
        }
    }

    private func usedPackages() throws -> Set<String> {
        var used = Set(try tx.rows(String.self, "SELECT DISTINCT code_address FROM lambda_version"))
        used.formUnion(try tx.rows(String.self, "SELECT DISTINCT code_address FROM lambda_layer_version"))
        for set in try layerSets() { used.formUnion(set.map(\.hex)) }
        return used
    }

    /// The combinations of layers that versions have.
    func layerSets() throws -> [[ContentAddress]] {
        try tx.rows(String.self, "SELECT DISTINCT layers FROM lambda_version WHERE layers <> ''").map { lines in
            try lines.split(separator: "\n").map { try AttachedLayer(line: $0).code.address }
        }
    }

    /// The images that versions have.
    func usedImages() throws -> [ContentAddress] {
        try tx.rows(String.self, "SELECT DISTINCT code_address FROM lambda_version WHERE image IS NOT NULL").compactMap
        {
            ContentAddress(hex: $0)
        }
    }

    fileprivate func isUsed(_ address: ContentAddress) throws -> Bool {
        try tx.count(
            """
            SELECT COUNT(*) FROM lambda_version
            WHERE code_address = \(address.hex) OR layers LIKE \("%\(address.hex)%")
            """
        ) + tx.count("SELECT COUNT(*) FROM lambda_layer_version WHERE code_address = \(address.hex)") > 0
    }
}

extension LambdaWrite {
    /// Keeps the package from leaving for a while. False while it is just being removed: ask again.
    func claimPackage(_ address: ContentAddress, at now: Instant) throws -> Bool {
        if try tx.count("SELECT is_leaving FROM lambda_package WHERE address = \(address.hex)") != 0 { return false }
        let known = try writer.execute("UPDATE lambda_package SET touched = \(now) WHERE address = \(address.hex)")
        if known == 0 {
            try writer.execute(
                "INSERT INTO lambda_package (address, touched, is_leaving) VALUES (\(address.hex), \(now), 0)"
            )
        }
        return true
    }

    /// The first step out. False when it was claimed or used meanwhile.
    func beginLeaving(_ address: ContentAddress, before: Instant) throws -> Bool {
        guard try !isUsed(address) else { return false }
        return try writer.execute(
            """
            UPDATE lambda_package SET is_leaving = 1
            WHERE address = \(address.hex) AND is_leaving = 0 AND touched < \(before)
            """
        ) > 0
    }

    /// The second, when its files are gone.
    func endLeaving(_ address: ContentAddress) throws {
        try writer.execute("DELETE FROM lambda_package WHERE address = \(address.hex) AND is_leaving = 1")
    }
}
