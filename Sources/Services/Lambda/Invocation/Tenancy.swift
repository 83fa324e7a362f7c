// SPDX-License-Identifier: Apache-2.0
import AWSWire

/// Whose environment an invocation gets. AWS: TenancyConfig
enum Tenancy {
    /// Throws InvalidParameterValueException when a function that isolates tenants gets none, or another gets one.
    static func assign(_ tenantID: String?, to version: inout ExecutableVersion) throws {
        switch (version.isolatesTenants, tenantID) {
        case (true, nil):
            throw InvalidParameterValueException(
                "The invoked function is enabled with tenancy configuration. Add a valid tenant ID in your request and try again."
            )
        case (false, _?):
            throw InvalidParameterValueException(
                "The invoked function is not enabled with tenancy configuration. Remove the tenant ID from your request and try again."
            )
        case (true, let tenant?): version.key.tenantID = tenant
        case (false, nil): break
        }
    }
}
