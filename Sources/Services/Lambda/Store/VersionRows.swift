// SPDX-License-Identifier: Apache-2.0
import MartletCore
import Storage

/// A row of `lambda_version`, its environment still sealed.
struct StoredVersion: RowDecodable {
    static let columns: SQL = """
        account, region, function_name, version, runtime, handler, role, description, architecture,
        timeout_seconds, memory_mib, temporary_mib, tracing_mode,
        log_format, application_log_level, system_log_level, log_group, environment, layers,
        code_address, code_size, unpacked_size, state, state_reason_code, state_reason,
        update_status, update_reason_code, update_reason, revision_id, generation, fingerprint, last_modified,
        update_runtime_on, runtime_version_arn, image, tenant_isolation, dead_letter_target,
        snap_start, snapshot_used, file_system
        """

    private var record: VersionRecord
    private var sealedEnvironment: [UInt8]?

    init(row: inout Row) throws {
        let (scope, name, number) = (try row.scope(), try row.text(), try row.versionNumber())
        var settings = try FunctionSettings(row: &row)
        sealedEnvironment = try row.optionalBytes()
        settings.layers = try row.text().split(separator: "\n").map(AttachedLayer.init(line:))
        record = VersionRecord(
            scope: scope,
            functionName: name,
            number: number,
            settings: settings,
            code: try row.codePackage(),
            status: try VersionStatus(row: &row),
            marks: try VersionRecord.Marks(row: &row),
            runtimeUpdates: .init(updateOn: try row.text(), runtimeVersionARN: try row.optionalText())
        )
        record.settings.image = try row.optionalText().map { try FunctionImage(text: $0) }
        record.settings.tenantIsolation = try row.optionalText()
        record.settings.deadLetterTarget = try row.optionalText()
        record.settings.appliesSnapStart = try row.optionalInteger() == 1
        record.snapshotUsedAt = try row.optionalInstant()
        record.settings.fileSystem = try row.optionalText().map { try FileSystemMount(line: $0) }
    }

    func opened(with seal: EnvironmentSeal) throws -> VersionRecord {
        var record = record
        record.settings.environment = try sealedEnvironment.map {
            try seal.open($0, of: record.functionName, in: record.scope)
        }
        return record
    }
}

extension FunctionSettings {
    /// Null where there is none, so that rows of before need no change.
    var snapStartMark: Int? { appliesSnapStart ? 1 : nil }

    fileprivate init(row: inout Row) throws {
        self.init(
            runtime: try row.text(),
            handler: try row.text(),
            role: try row.text(),
            description: try row.text(),
            architecture: try row.text(),
            sizes: Sizes(
                timeoutSeconds: try row.integer(),
                memoryMiB: try row.integer(),
                temporaryMiB: try row.integer()
            ),
            tracingMode: try row.text(),
            logging: FunctionLogging(
                format: try row.text(),
                applicationLevel: try row.optionalText(),
                systemLevel: try row.optionalText(),
                group: try row.text()
            ),
            environment: nil,
            layers: []
        )
    }
}

extension VersionStatus {
    fileprivate init(row: inout Row) throws {
        self.init(
            state: try row.text(),
            stateReason: try Reason(row: &row),
            update: try row.optionalText(),
            updateReason: try Reason(row: &row)
        )
    }
}

extension VersionStatus.Reason {
    fileprivate init?(row: inout Row) throws {
        let (code, text) = (try row.optionalText(), try row.optionalText())
        guard let code, let text else { return nil }
        self.init(code: code, text: text)
    }
}

extension VersionRecord.Marks {
    fileprivate init(row: inout Row) throws {
        self.init(
            revisionID: try row.text(),
            generation: try row.text(),
            fingerprint: try row.text(),
            lastModified: try row.instant()
        )
    }
}
