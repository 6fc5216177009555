/** Entry of the cluster page's bundle. */
import { ClusterPage, type ClusterPageProps } from "./cluster_page.tsx";
import { hydrateIsland } from "./hydrate.tsx";

hydrateIsland((props: ClusterPageProps) => <ClusterPage {...props} />);
