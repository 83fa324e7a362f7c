// SPDX-License-Identifier: Apache-2.0
import Storage

/// Lambda's tables. Append only: a released migration is never edited.
enum LambdaSchema {
    static let service = "lambda"

    static let migrations = [
        Migration("functions") { dialect in
            [functions, versions(dialect), versionSizes, transitions, aliases, tags, statements]
        },
        Migration("layers") { _ in [layers, layerVersions] },
        Migration("function settings") { _ in [eventConfigs, urls, urlsByFunction] },
        Migration("packages") { _ in [packages] },
        Migration("container images") { _ in [images] },
        Migration("provisioned concurrency") { _ in [provisioned] },
        Migration("tenant isolation") { _ in [tenantIsolation] },
        Migration("outcomes of asynchronous events") { _ in outcomes },
        Migration("event source mappings") { _ in [mappings, mappingsByOwner, mappingsDue, mappingTags] },
        Migration("snapshots") { _ in snapshots },
        Migration("file systems") { _ in [fileSystems] },
    ]

    /// `revision` counts every change that an invocation could see, for caches of other nodes.
    private static let functions: SQL = """
        CREATE TABLE lambda_function (
            account TEXT NOT NULL, region TEXT NOT NULL, name TEXT NOT NULL,
            last_version BIGINT NOT NULL, reserved_concurrency BIGINT, recursive_loop TEXT NOT NULL, revision BIGINT NOT NULL,
            PRIMARY KEY (account, region, name))
        """

    /// Version 0 is `$LATEST`. The environment is sealed.
    private static func versions(_ dialect: Dialect) -> SQL {
        """
        CREATE TABLE lambda_version (
            account TEXT NOT NULL, region TEXT NOT NULL, function_name TEXT NOT NULL, version BIGINT NOT NULL,
            runtime TEXT NOT NULL, handler TEXT NOT NULL, role TEXT NOT NULL, description TEXT NOT NULL,
            architecture TEXT NOT NULL, timeout_seconds BIGINT NOT NULL, memory_mib BIGINT NOT NULL,
            temporary_mib BIGINT NOT NULL, tracing_mode TEXT NOT NULL, log_format TEXT NOT NULL, log_group TEXT NOT NULL,
            application_log_level TEXT, system_log_level TEXT, environment \(dialect.bytesType), layers TEXT NOT NULL,
            code_address TEXT NOT NULL, code_size BIGINT NOT NULL, unpacked_size BIGINT NOT NULL,
            state TEXT NOT NULL, state_reason_code TEXT, state_reason TEXT,
            update_status TEXT, update_reason_code TEXT, update_reason TEXT,
            revision_id TEXT NOT NULL, generation TEXT NOT NULL, fingerprint TEXT NOT NULL, last_modified BIGINT NOT NULL,
            update_runtime_on TEXT NOT NULL, runtime_version_arn TEXT,
            PRIMARY KEY (account, region, function_name, version))
        """
    }

    /// An account's use of code storage is summed with each upload, from this alone.
    private static let versionSizes: SQL = """
        CREATE INDEX lambda_version_size ON lambda_version (account, region, code_size)
        """

    /// Versions that wait for their next state: work that a restart must not forget.
    private static let transitions: SQL = """
        CREATE TABLE lambda_transition (
            account TEXT NOT NULL, region TEXT NOT NULL, function_name TEXT NOT NULL, version BIGINT NOT NULL,
            PRIMARY KEY (account, region, function_name, version))
        """

    private static let aliases: SQL = """
        CREATE TABLE lambda_alias (
            account TEXT NOT NULL, region TEXT NOT NULL, function_name TEXT NOT NULL, name TEXT NOT NULL,
            version BIGINT NOT NULL, description TEXT NOT NULL, other_version BIGINT,
            other_weight DOUBLE PRECISION NOT NULL,
            revision_id TEXT NOT NULL,
            PRIMARY KEY (account, region, function_name, name))
        """

    private static let tags: SQL = """
        CREATE TABLE lambda_tag (
            account TEXT NOT NULL, region TEXT NOT NULL, function_name TEXT NOT NULL,
            tag_key TEXT NOT NULL, tag_value TEXT NOT NULL,
            PRIMARY KEY (account, region, function_name, tag_key))
        """

    /// Statements of resource policies. `resource` is `function:{name}` or `layer:{name}`; the qualifier is a version, an
    /// alias, or `$LATEST` for the unqualified function.
    private static let statements: SQL = """
        CREATE TABLE lambda_statement (
            account TEXT NOT NULL, region TEXT NOT NULL, resource TEXT NOT NULL, qualifier TEXT NOT NULL,
            statement_id TEXT NOT NULL, position BIGINT NOT NULL, action TEXT NOT NULL, principal TEXT NOT NULL,
            source_arn TEXT, source_account TEXT, organization_id TEXT, event_source_token TEXT, url_auth_type TEXT,
            via_url BIGINT,
            PRIMARY KEY (account, region, resource, qualifier, statement_id))
        """

    private static let layers: SQL = """
        CREATE TABLE lambda_layer (
            account TEXT NOT NULL, region TEXT NOT NULL, name TEXT NOT NULL, last_version BIGINT NOT NULL,
            PRIMARY KEY (account, region, name))
        """

    private static let layerVersions: SQL = """
        CREATE TABLE lambda_layer_version (
            account TEXT NOT NULL, region TEXT NOT NULL, layer_name TEXT NOT NULL, version BIGINT NOT NULL,
            description TEXT NOT NULL, license TEXT, runtimes TEXT, architectures TEXT,
            code_address TEXT NOT NULL, code_size BIGINT NOT NULL, unpacked_size BIGINT NOT NULL,
            created BIGINT NOT NULL, policy_revision_id TEXT NOT NULL,
            PRIMARY KEY (account, region, layer_name, version))
        """

    private static let eventConfigs: SQL = """
        CREATE TABLE lambda_event_config (
            account TEXT NOT NULL, region TEXT NOT NULL, function_name TEXT NOT NULL, qualifier TEXT NOT NULL,
            maximum_retries BIGINT, maximum_age_seconds BIGINT, last_modified BIGINT NOT NULL,
            PRIMARY KEY (account, region, function_name, qualifier))
        """

    private static let provisioned: SQL = """
        CREATE TABLE lambda_provisioned (
            account TEXT NOT NULL, region TEXT NOT NULL, function_name TEXT NOT NULL, qualifier TEXT NOT NULL,
            requested BIGINT NOT NULL, last_modified BIGINT NOT NULL,
            PRIMARY KEY (account, region, function_name, qualifier))
        """

    private static let urls: SQL = """
        CREATE TABLE lambda_url (
            url_id TEXT NOT NULL PRIMARY KEY,
            account TEXT NOT NULL, region TEXT NOT NULL, function_name TEXT NOT NULL, qualifier TEXT NOT NULL,
            auth_type TEXT NOT NULL, invoke_mode TEXT NOT NULL, has_cors BIGINT NOT NULL, allow_credentials BIGINT,
            allow_headers TEXT, allow_methods TEXT, allow_origins TEXT, expose_headers TEXT, max_age_seconds BIGINT,
            created BIGINT NOT NULL, last_modified BIGINT NOT NULL)
        """

    private static let urlsByFunction: SQL = """
        CREATE UNIQUE INDEX lambda_url_function ON lambda_url (account, region, function_name, qualifier)
        """

    /// Null for code that was uploaded as an archive.
    private static let images: SQL = "ALTER TABLE lambda_version ADD COLUMN image TEXT"

    /// An access point's ARN and the path inside, or null.
    private static let fileSystems: SQL = "ALTER TABLE lambda_version ADD COLUMN file_system TEXT"

    /// `PER_TENANT`, or null.
    private static let tenantIsolation: SQL = "ALTER TABLE lambda_version ADD COLUMN tenant_isolation TEXT"
    /// Held by the node that reads the source. `revision` counts changes.
    private static let mappings: SQL = """
        CREATE TABLE lambda_mapping (
            id TEXT NOT NULL PRIMARY KEY, account TEXT NOT NULL, region TEXT NOT NULL, source_arn TEXT NOT NULL,
            function_account TEXT NOT NULL, function_name TEXT NOT NULL, qualifier TEXT, settings TEXT NOT NULL,
            state TEXT NOT NULL, is_enabled BIGINT NOT NULL, last_result TEXT, last_modified BIGINT NOT NULL,
            revision BIGINT NOT NULL, \(Lease.columns))
        """

    private static let mappingsByOwner: SQL =
        "CREATE INDEX lambda_mapping_owner ON lambda_mapping (account, region, id)"
    private static let mappingsDue: SQL = "CREATE INDEX lambda_mapping_due ON lambda_mapping (due_at)"

    private static let mappingTags: SQL = """
        CREATE TABLE lambda_mapping_tag (
            account TEXT NOT NULL, region TEXT NOT NULL, mapping_id TEXT NOT NULL,
            tag_key TEXT NOT NULL, tag_value TEXT NOT NULL,
            PRIMARY KEY (mapping_id, tag_key))
        """

    /// ARNs. Null where there is none.
    private static let outcomes: [SQL] = [
        "ALTER TABLE lambda_version ADD COLUMN dead_letter_target TEXT",
        "ALTER TABLE lambda_event_config ADD COLUMN on_success TEXT",
        "ALTER TABLE lambda_event_config ADD COLUMN on_failure TEXT",
    ]

    /// 1 where published versions start from snapshots. The snapshots themselves are this node's.
    private static let snapshots: [SQL] = [
        "ALTER TABLE lambda_version ADD COLUMN snap_start BIGINT",
        "ALTER TABLE lambda_version ADD COLUMN snapshot_used BIGINT",
    ]

    /// Every archive in the file store, so that those that nobody uses any more can be found and removed.
    private static let packages: SQL = """
        CREATE TABLE lambda_package (
            address TEXT NOT NULL PRIMARY KEY, touched BIGINT NOT NULL, is_leaving BIGINT NOT NULL)
        """
}
