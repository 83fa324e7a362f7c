// SPDX-License-Identifier: Apache-2.0
import AWSWire
import MartletCore

/// What all batches have in common.
enum Batch {
    /// Throws AWS's errors about a batch as a whole. Returns the ids.
    static func check(_ ids: [String?], _ entryName: String) throws -> [String] {
        guard !ids.isEmpty else {
            throw EmptyBatchRequest("There should be at least one \(entryName) in the request.")
        }
        guard ids.count <= SQSLimits.batchEntries else {
            throw TooManyEntriesInBatchRequest(
                "Maximum number of entries per request are \(SQSLimits.batchEntries). You have sent \(ids.count)."
            )
        }
        var seen: Set<String> = []
        return try ids.enumerated().map { index, id in
            let id = try required(id, "\(entryName).\(index + 1).Id")
            guard (1...SQSLimits.batchIDLength).contains(id.utf8.count), id.utf8.allSatisfy(\.isWordOrHyphen) else {
                throw InvalidBatchEntryId(
                    "A batch entry id can only contain alphanumeric characters, hyphens and underscores. "
                        + "It can be at most 80 letters long."
                )
            }
            guard seen.insert(id).inserted else { throw BatchEntryIdsNotDistinct("Id \(id) repeated.") }
            return id
        }
    }

    /// An entry that failed for a reason of its own.
    static func failure(_ id: String, _ error: any ServiceError) -> BatchResultErrorEntry {
        let code = (error as? any ModelledError).flatMap { type(of: $0).queryCode } ?? error.code
        var entry = BatchResultErrorEntry()
        entry.id = id
        entry.senderFault = error.httpStatus < 500
        entry.code = code
        entry.message = error.message
        return entry
    }

    /// Runs `body` for each entry: results in order, and what failed with an error of AWS's.
    static func run<Entry, Result>(
        _ ids: [String],
        _ entries: [Entry],
        _ body: (Entry) throws -> Result
    ) throws -> (done: [(id: String, result: Result)], failed: [BatchResultErrorEntry]) {
        var done: [(id: String, result: Result)] = []
        var failed: [BatchResultErrorEntry] = []
        for (id, entry) in zip(ids, entries) {
            do {
                done.append((id, try body(entry)))
            } catch let error as any ServiceError {
                failed.append(failure(id, error))
            }
        }
        return (done, failed)
    }
}
